// The engine as a library: `separate CHECKPOINT TRACK FOLDER` writes the stems of a track, blocking its thread meanwhile.
import Foundation
import Separation

let arguments = CommandLine.arguments.dropFirst().map { URL(filePath: $0) }
guard arguments.count == 3 else { exit(64) }

let bag = try Bag(contentsOf: arguments[0])
let separator = try Separator(bag: bag)
let report = try separator.separate(arguments[1], to: { arguments[2].appending(path: "\($0).wav") })
for stem in report.stems { print("\(stem.name): \(stem.url.path), peak \(stem.peak)") }
