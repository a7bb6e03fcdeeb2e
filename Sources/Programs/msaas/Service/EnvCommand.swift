import ArgumentParser
import LocalStack

/// `msaas env`: the variables that let `aws`, `mc` and our own programs reach a running service.
struct EnvCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "env", abstract: "Print the environment that lets aws, mc and others reach a running service.",
        discussion: "Use it as: eval \"$(msaas env)\"")

    @OptionGroup var data: DataOption

    func run() throws {
        let address = try StackAddress.read(from: data.directory)
        var variables = address.environment
        variables["MSAAS_URL"] = address.http
        variables["AWS_ACCESS_KEY_ID"] = address.accessKey
        variables["AWS_SECRET_ACCESS_KEY"] = address.secretKey
        // For us-east-1, and only there, boto3 and the aws command presign with the old signature, which the server refuses.
        variables["AWS_DEFAULT_REGION"] = "eu-central-1"
        variables["AWS_ENDPOINT_URL"] = address.storage
        variables["MC_HOST_msaas"] = address.storage.replacing(
            "http://", with: "http://\(address.accessKey):\(address.secretKey)@")
        for (name, value) in variables.sorted(by: { $0.key < $1.key }) { say("export \(name)='\(value)'") }
    }
}
