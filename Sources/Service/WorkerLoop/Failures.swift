import Audio
import Checkpoints
import Foundation
import HTDemucs
import HTTPTransport
import Jobs
import ModelStore
import ObjectStorage
import Separation

// What goes wrong in a job, and whose it is: the song's (it fails for good), the machine's or the storage's (it is given back
// and no attempt is spent), or nobody knows (the attempt is spent). What the song's owner reads comes from here and from
// `JobLimits` only; addresses, paths and what servers say go to the log, with the job's id.

/// A song or its options that no worker could ever do anything with; the job fails without another attempt.
public struct SongRefused: Error, Sendable, CustomStringConvertible {
    /// A sentence for the song's owner.
    public let description: String
    /// A refusal that says why.
    public init(_ description: String) { self.description = description }
}

extension SongRefused {
    /// The engine's errors that are the song's or its options' fault; `nil` for those of this worker (a full disk, a
    /// damaged model, …).
    init?(because error: any Error, offered: [String]) {
        switch error {
        case let error as AudioError:
            switch error {
            case .cannotOpen, .cannotWrite, .diskFull: return nil
            case .empty, .unsupported, .notAudio, .undecodable, .noSamples, .tooFewChannels, .noSuchChannel,
                .sampleRate, .tooLong,
                .invalidFormat:
                self.init(error.description)
            }
        case let error as SeparationError:
            switch error {
            case .invalidBag, .tooLittleMemory: return nil
            case .invalidOption, .unknownStem, .segmentTooLong: self.init(error.description)
            }
        case ModelStoreError.unknownModel(let name, _), ModelStoreError.invalidName(let name),
            ModelStoreError.unsupportedModel(let name), ModelStoreError.notInstalled(let name, _):
            self.init(model: name, offered: offered)
        default: return nil
        }
    }

    /// The refusal of a model that is not among those offered.
    init(model: String, offered: [String]) {
        self.init("There is no model “\(model)” here; there are \(offered.joined(separator: ", ")).")
    }
}

/// The storage answers for everything but this song.
struct SongLost: Error {}

/// Why an attempt came to nothing that might have succeeded: what the song's owner may know of it.
enum PublicFailure: String {
    case model = "The model could not be loaded; the operator's log says why."
    case memory = "The worker had too little memory for this model; choose a smaller one."
    case storage = "The stems could not be stored."
    case song = "The storage did not give the song's bytes; upload it again."
    case unknown = "The separation failed; the operator's log says why."

    init(_ error: any Error) {
        switch error {
        case SeparationError.tooLittleMemory: self = .memory
        case is ModelStoreError, is SeparationError, is CheckpointError, is ModelError: self = .model
        case is S3Error, is HTTPError: self = .storage
        case is SongLost: self = .song
        default: self = .unknown
        }
    }
}

/// What the storage's errors mean to a worker.
enum StorageTrouble {
    /// Whether the storage is away, overloaded or full, rather than refusing this very request.
    static func isTransient(_ error: any Error) -> Bool {
        switch error {
        case let error as S3Error: error.isTransient || error.isStorageFull
        case let error as HTTPError: error.isTransient
        default: false
        }
    }

    /// What everybody may know of it.
    static func sentence(_ error: any Error) -> String {
        (error as? S3Error)?.isStorageFull == true
            ? "The storage is full: its stems wait until there is room." : "The storage is away: its stems wait for it."
    }
}

/// What failures to write mean to a worker.
enum DiskTrouble {
    /// Whether the disk, a quota or a limit of the process leaves no room: the machine's trouble, not the song's.
    static func isFull(_ error: any Error) -> Bool {
        if error is NoRoom { return true }
        if case AudioError.diskFull = error { return true }
        // Foundation wraps the system's code, sometimes twice.
        var next: NSError? = error as NSError
        while let error = next {
            if error.domain == NSPOSIXErrorDomain, [ENOSPC, EDQUOT, EFBIG].contains(Int32(error.code)) { return true }
            if error.domain == NSCocoaErrorDomain, error.code == CocoaError.fileWriteOutOfSpace.rawValue { return true }
            next = error.userInfo[NSUnderlyingErrorKey] as? NSError
        }
        return false
    }
}
