import Encodings
import Foundation
import HTTPTransport

/// A program that makes credentials, as `gke-gcloud-auth-plugin` does.
///
/// Source: Kubernetes documentation, "client-go credential plugins" (`client.authentication.k8s.io`).
public struct CredentialPlugin: Sendable, Equatable {
    /// Whether the program may use the terminal.
    public enum Interaction: String, Sendable, Codable {
        /// It never does.
        case never = "Never"
        /// It does where there is one.
        case ifAvailable = "IfAvailable"
        /// It must, and cannot run without.
        case always = "Always"
    }

    /// The versions that we speak.
    public static let versions = ["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"]

    /// The version that it is spoken to with, one of ``versions``.
    public var apiVersion: String
    /// The program: a path, or a name to look up in `PATH`.
    public var command: String
    /// Its arguments.
    public var arguments: [String]
    /// What is added to its environment.
    public var environment: [String: String]
    /// Whether it may use the terminal.
    public var interaction: Interaction
    /// A sentence for those who do not have it.
    public var installHint: String?
    /// What it is told about the cluster, if it is to be told.
    package var cluster: JSONValue?
    /// How long it may take without a terminal; with one, people may take as long as they like.
    package var patience: Duration

    /// A plugin.
    public init(
        apiVersion: String, command: String, arguments: [String] = [], environment: [String: String] = [:],
        interaction: Interaction = .ifAvailable, installHint: String? = nil
    ) {
        self.apiVersion = apiVersion
        self.command = command
        self.arguments = arguments
        self.environment = environment
        self.interaction = interaction
        self.installHint = installHint
        patience = .seconds(60)
    }
}

extension CredentialPlugin {
    /// What a plugin answers with, and is asked with in `KUBERNETES_EXEC_INFO`.
    struct ExecCredential: Codable {
        struct Spec: Codable {
            var interactive: Bool
            var cluster: JSONValue?
        }

        struct Status: Codable {
            var expirationTimestamp: Date?
            var token: String?
            var clientCertificateData: String?
            var clientKeyData: String?
        }

        var apiVersion: String
        var kind = "ExecCredential"
        var spec: Spec?
        var status: Status?
    }

    /// What a plugin gave.
    package struct Answer: Sendable, Equatable {
        package var token: String?
        package var certificate: TLSOptions.ClientCertificate?
        /// `nil` where it lasts until the server refuses it.
        package var expiration: Date?
    }

    /// Runs the plugin. It blocks.
    package func run(hasTerminal: Bool = isatty(STDIN_FILENO) == 1) throws -> Answer {
        if interaction == .always, !hasTerminal {
            throw KubernetesError.plugin(
                "The credential plugin \(command) must ask somebody at a terminal, and there is none: use credentials "
                    + "that need no one, such as a service account.")
        }
        let usesTerminal = hasTerminal && interaction != .never
        let question = ExecCredential(
            apiVersion: apiVersion, spec: .init(interactive: usesTerminal, cluster: cluster), status: nil)
        var variables = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        variables["KUBERNETES_EXEC_INFO"] = String(decoding: try JSONEncoder.kubernetes.encode(question), as: UTF8.self)
        let child = ChildProcess(
            command: command, arguments: arguments, environment: variables, usesTerminal: usesTerminal,
            patience: usesTerminal ? nil : patience)
        let result: ChildProcess.Result
        do {
            result = try child.run()
        } catch let error as ChildProcess.SystemError {
            let hint = installHint.map { " \($0)" } ?? " Install it, or correct the kubeconfig."
            throw KubernetesError.plugin("The credential plugin \(command) cannot be started: \(error.text).\(hint)")
        }
        if result.isTimedOut {
            throw KubernetesError.plugin("The credential plugin \(command) did not answer within \(patience).")
        }
        guard result.status == 0 else {
            let text = String(decoding: result.errors.suffix(1000), as: UTF8.self)
            throw KubernetesError.plugin(
                "The credential plugin \(command) failed with exit code \(result.status). "
                    + text.trimmingCharacters(in: .whitespacesAndNewlines))
        }
        return try read(result.output)
    }

    /// Reads what the plugin printed; it is secret and never quoted.
    func read(_ output: Data) throws(KubernetesError) -> Answer {
        guard let credential = try? JSONDecoder.kubernetes.decode(ExecCredential.self, from: output),
            credential.kind == "ExecCredential"
        else { throw .plugin("The credential plugin \(command) did not print an ExecCredential.") }
        guard credential.apiVersion == apiVersion else {
            throw .plugin(
                "The credential plugin \(command) answers in \(credential.apiVersion), but the kubeconfig asks for "
                    + "\(apiVersion): correct the kubeconfig's apiVersion.")
        }
        let status = credential.status
        var answer = Answer(expiration: status?.expirationTimestamp)
        if let token = status?.token, !token.isEmpty { answer.token = token }
        switch (status?.clientCertificateData ?? "", status?.clientKeyData ?? "") {
        case ("", ""): break
        case (let certificate, let key) where !certificate.isEmpty && !key.isEmpty:
            answer.certificate = .init(certificate: Data(certificate.utf8), key: Data(key.utf8))
        default: throw .plugin("The credential plugin \(command) gave a certificate without its key, or the reverse.")
        }
        guard answer.token != nil || answer.certificate != nil else {
            throw .plugin("The credential plugin \(command) gave neither a token nor a certificate.")
        }
        return answer
    }
}
