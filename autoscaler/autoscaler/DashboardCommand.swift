import ArgumentParser
import Dashboard
import Foundation
import Terminal

/// `autoscaler dashboard`: what the service and its autoscaler are doing.
struct DashboardCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dashboard",
        abstract: "Watch backlog, workers and the autoscaler's decisions, and step in.",
        discussion: """
            Redis is found by --redis-url, else by --data, else by REDIS_URL, else at 127.0.0.1:6379.

            On one machine: autoscaler dashboard --data DIR, with the data folder of msaas up.
            In a cluster: kubectl port-forward service/redis 6379:6379, and in another terminal: autoscaler dashboard.

            Without a terminal on the output, the text of --once is printed.
            """)

    @OptionGroup(title: "Service")
    var place: RedisPlace

    @Flag(help: "Print one look as text, and end.")
    var once = false

    @Flag(help: "Print one look as JSON, and end.")
    var json = false

    @Option(help: ArgumentHelp("How often to read Redis, in seconds.", valueName: "seconds"))
    var interval = 1.0

    func validate() throws {
        guard (0.1...3600).contains(interval) else {
            throw ValidationError("--interval is \(interval), but it must be from 0.1 to 3600 seconds.")
        }
    }

    func run() async throws {
        let environment = ProcessInfo.processInfo.environment
        let capabilities = Capabilities(environment: environment, isTerminal: isatty(STDOUT_FILENO) == 1)
        let dashboard = Dashboard(
            address: try place.address(), interval: .milliseconds(Int64(interval * 1000)),
            capabilities: capabilities)
        if json {
            say(try await dashboard.json())
        } else if once || !capabilities.isAddressable {
            say(try await dashboard.text())
        } else {
            try await dashboard.run()
        }
    }
}
