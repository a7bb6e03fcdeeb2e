public import ArgumentParser
import Foundation

/// Why a command could not do what it was asked for, as a sentence.
public struct CommandFailure: Error, CustomStringConvertible {
    /// The sentence.
    public let description: String

    /// A failure that says `description`.
    public init(_ description: String) { self.description = description }
}

/// What `body` returns; what it throws is told as an error of the command line, since our errors are sentences for the user.
package func readable<Value>(_ body: () throws -> Value) throws -> Value {
    do { return try body() } catch let error as ValidationError { throw error } catch {
        throw ValidationError("\(error)")
    }
}

extension AsyncParsableCommand {
    /// Runs the program that this command is, to its end.
    ///
    /// What is wrong with the command line is told with the usage, as ArgumentParser does it; what goes wrong after that with a
    /// sentence alone, since the usage says nothing about it. A result that could not be written makes the exit status 1.
    ///
    /// - Parameter arguments: the command line without the program's name; nil for the process's own.
    public static func start(_ arguments: @autoclosure @Sendable () throws -> [String]? = nil) async {
        StandardStreams.prepare()
        var hasStarted = false
        do {
            var command = try await asyncParseAsRoot(arguments())
            hasStarted = true
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            end(error, hasStarted: hasStarted)
        }
        end(ExitCode.success, hasStarted: true)
    }

    private static func end(_ error: any Error, hasStarted: Bool) -> Never {
        let code = exitCode(for: error)
        switch error {
        case is ExitCode: break
        case is CancellationError:
            note("Stopped.")
            Foundation.exit(130)
        case _ where hasStarted && code != .success && !(error is CleanExit):
            note("Error: \("\(error)".printableLines)")
            Foundation.exit(EXIT_FAILURE)
        default:
            // Help and version are results; the usage is none.
            let text = fullMessage(for: error).printableLines
            if !text.isEmpty { code == .success ? say(text) : note(text) }
        }
        Foundation.exit(code == .success && StandardStreams.isOutputLost ? EXIT_FAILURE : code.rawValue)
    }
}
