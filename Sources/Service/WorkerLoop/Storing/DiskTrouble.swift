import Audio
import Foundation

/// What failures to write mean to a worker.
enum DiskTrouble {
    /// Whether the disk, a quota or a limit of the process leaves no room: the machine's trouble, not the song's.
    static func isFull(_ error: any Error) -> Bool {
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
