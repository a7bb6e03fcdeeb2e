import Foundation
import TestSupport

/// A folder with small random models, and `msaas` as a process in it.
struct Bench {
    let studio: Studio

    /// - Parameter tracks: WAV files to make, each of so many frames at 2000 Hz.
    init(tracks: [String: Int] = [:]) throws {
        studio = try Studio()
        for file in ["four.th", "other.safetensors"] {
            try FileManager.default.createDirectory(at: studio.url("models"), withIntermediateDirectories: true)
            try FileManager.default.copyItem(
                at: GoldenTests.folder.appending(path: file), to: studio.url("models/\(file)"))
        }
        try Data("models: [four, other]\nweights: [[1, 1, 1, 1], [1, 1, 1, 0]]\n".utf8)
            .write(to: studio.url("models/both.yaml"))
        for (name, frames) in tracks { try track(name, frames: frames) }
    }

    /// Makes a track of noise, and the folders above it.
    func track(_ name: String, frames: Int = 5000, level: Float = 0.05) throws {
        let url = studio.url(name)
        try FileManager.default.createDirectory(
            at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try writeTrack(noise(frames: frames, channels: 2, level: level), to: url, sampleRate: 2000)
    }

    /// The program beside the test bundle.
    static let executable = Places.products.appending(path: "msaas")

    /// Starts `msaas separate` with the models; what it says and what it complains of go to files.
    func start(_ arguments: [String]) throws -> Running {
        try run(["msaas", "separate", "--repo", "models"] + arguments)
    }

    /// Starts a program of ours, or a line of the shell in which `$BIN` is the folder of our programs.
    func run(_ words: [String], environment: [String: String] = [:]) throws -> Running {
        let texts = try TemporaryDirectory()
        let words =
            words.count == 1
            ? ["/bin/bash", "-c", words[0]] : [Places.products.appending(path: words[0]).path] + words.dropFirst()
        let process = try ChildProcess(
            ["/bin/sh", "-c", "exec \"$@\" 2>\"$ERRORS\"", "sh"] + words,
            environment: environment.merging([
                "ERRORS": texts.url.appending(path: "errors").path, "BIN": Places.products.path,
            ]) { $1 }, output: texts.url.appending(path: "output").path, directory: studio.directory.path)
        return Running(process: process, texts: texts)
    }

    struct Running {
        let process: ChildProcess
        let texts: TemporaryDirectory
        var output: String { text("output") }
        var errors: String { text("errors") }
        var lines: [String] { output.split(separator: "\n").map(String.init) }

        private func text(_ name: String) -> String {
            String(decoding: (try? Data(contentsOf: texts.url.appending(path: name))) ?? Data(), as: UTF8.self)
        }

        /// Waits until something was said.
        func says(_ text: String) async throws {
            try await eventually("“\(text)” is said: \(output)\(errors)") {
                output.contains(text) || errors.contains(text) || !process.isRunning
            }
        }
    }

    /// Runs a line of the shell, or a program of ours, to its end.
    func ended(_ words: String...) async throws -> (code: Int32, output: String, errors: String) {
        let running = try run(words)
        return (await running.process.wait(), running.output, running.errors)
    }

    /// Runs `msaas separate` with the models to its end.
    func msaas(_ arguments: String...) async throws -> (code: Int32, output: String, errors: String) {
        let running = try start(arguments)
        return (await running.process.wait(), running.output, running.errors)
    }

    /// The files in a folder and below it, also hidden ones, but for the models.
    func files(_ folder: String = "") throws -> [String] {
        try studio.contents().filter { $0.hasPrefix(folder) && !$0.hasPrefix("models") && !isFolder($0) }
            .map { String($0.dropFirst(folder.isEmpty ? 0 : folder.count + 1)) }
    }

    private func isFolder(_ name: String) -> Bool {
        (try? studio.url(name).resourceValues(forKeys: [.isDirectoryKey]).isDirectory) ?? false
    }
}
