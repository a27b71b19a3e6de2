import Foundation

/// Errors of Foundation's in the system's words.
package enum ErrorWords {
    /// The path and what the system said of it, such as `/x: No such file or directory`; of any other error what it says of itself.
    package static func of(_ error: any Error) -> String {
        switch error {
        case let error as POSIXError: system(error.code.rawValue)
        case let error as CocoaError: words(error.filePath, error.underlying, otherwise(error.code.rawValue, error.localizedDescription))
        case let error as NSError where error.domain == NSPOSIXErrorDomain: system(Int32(clamping: error.code))
        case let error as NSError where error.domain == NSCocoaErrorDomain:
            words(
                error.userInfo[NSFilePathErrorKey] as? String, error.userInfo[NSUnderlyingErrorKey] as? any Error,
                otherwise(error.code, error.localizedDescription))
        default: String(describing: error)
        }
    }

    /// On Linux a file handle tells the system's numbers as Foundation's own, which has none so low but 4 (no such file) and 255.
    private static func otherwise(_ code: Int, _ description: String) -> String {
        (1..<255).contains(code) && code != CocoaError.fileNoSuchFile.rawValue ? system(Int32(code)) : description
    }

    private static func system(_ code: Int32) -> String { String(cString: strerror(code)) }

    private static func words(_ path: String?, _ cause: (any Error)?, _ otherwise: String) -> String {
        (path.map { "\($0): " } ?? "") + (cause.map(of) ?? otherwise)
    }
}
