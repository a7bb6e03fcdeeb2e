/// Why the one-machine service could not start or go on; each says what to do.
public enum StackError: Error, CustomStringConvertible, Equatable {
    case portTaken(Int)
    case cannotBind(String)
    case missingProgram(String, hint: String)
    case notReady(String, seconds: Int, log: String)
    case alreadyRunning(directory: String, url: String?)
    case unusableDirectory(String, reason: String)
    case notRunning(directory: String)

    /// A sentence that says what to do.
    public var description: String {
        switch self {
        case .portTaken(let port):
            "Port \(port) is taken by another program. Stop it, or choose another port."
        case .cannotBind(let host):
            "Cannot listen on \(host): it is no address of this machine. Use 127.0.0.1, another one of its own, or 0.0.0.0 for all."
        case .missingProgram(let name, let hint):
            "The program \(name) was not found. \(hint)"
        case .notReady(let name, let seconds, let log):
            "\(name) was not ready after \(seconds) s. Its log is \(log)."
        case .alreadyRunning(let directory, let url):
            "A service already runs on \(directory)\(url.map { " at \($0)" } ?? ""). Stop it first, or choose another folder with "
                + "--data."
        case .unusableDirectory(let path, let reason):
            "The data folder \(path) cannot be used: \(reason)."
        case .notRunning(let directory):
            "No service runs on \(directory). Start one with `msaas up`, or name its folder with --data."
        }
    }
}
