import Encodings
import FunctionHost

/// `Content-Disposition` for a name from outside (RFC 6266, RFC 8187): nothing in the name can end the header, the
/// quotes or the line.
package enum ContentDisposition {
    package static func attachment(_ name: String) -> String {
        let plain = String(
            String.UnicodeScalarView(
                name.unicodeScalars.map { scalar in
                    scalar.isASCII && scalar.value >= 0x20 && scalar.value != 0x7f
                        && !"\"\\%;/".unicodeScalars.contains(scalar)
                        ? scalar : "_"
                }))
        return "attachment; filename=\"\(plain)\"; filename*=UTF-8''\(name.percentEncoded())"
    }
}
