import Foundation
import HTTPTransport
import Threading

/// Hands out credentials: reads their files again, runs their plugin again, as they expire or are refused.
///
/// It works on a thread of its own, since files and plugins block, and one call at a time, so that callers who need the
/// same plugin wait for one run of it.
package actor CredentialSource {
    /// What goes along with a request.
    package struct Proof: Sendable, Equatable {
        package var authorization: String?
        package var certificate: TLSOptions.ClientCertificate?
        /// Tells a proof from the one before it.
        package var number = 0
    }

    /// How long a file's content is used before it is looked at again.
    package static let fileLifetime: TimeInterval = 10
    /// How long before its expiration a plugin's answer is replaced.
    package static let leeway: TimeInterval = 10

    private let credentials: Credentials
    private let thread = BlockingThread(name: "credentials")
    private let now: @Sendable () -> Date
    private var current: (proof: Proof, expiration: Date)?
    private var count = 0

    package init(_ credentials: Credentials, now: @escaping @Sendable () -> Date = { Date() }) {
        self.credentials = credentials
        self.now = now
    }

    nonisolated package var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    /// What to show now.
    package func proof() throws -> Proof {
        if let current, now() < current.expiration { return current.proof }
        return try renew()
    }

    /// What to show instead of what was refused; `nil` when there is nothing else.
    package func proof(insteadOf refused: Proof) throws -> Proof? {
        if let current, current.proof.number != refused.number { return current.proof }
        let proof = try renew()
        let isSame = proof.authorization == refused.authorization && proof.certificate == refused.certificate
        return isSame ? nil : proof
    }

    private func renew() throws -> Proof {
        var proof = Proof(number: count + 1)
        var expiration = Date.distantFuture
        switch credentials.certificate {
        case nil: break
        case .data(let certificate, let key): proof.certificate = try Self.certificate(certificate, key)
        case .files(let certificate, let key):
            proof.certificate = try Self.certificate(try Self.read(certificate), try Self.read(key))
            expiration = now() + Self.fileLifetime
        }
        switch credentials.token {
        case nil: break
        case .value(let token): proof.authorization = "Bearer \(token)"
        case .basic(let user, let password):
            proof.authorization = "Basic \(Data("\(user):\(password)".utf8).base64EncodedString())"
        case .file(let path):
            let token = String(decoding: try Self.read(path), as: UTF8.self)
            proof.authorization = "Bearer \(token.trimmingCharacters(in: .whitespacesAndNewlines))"
            expiration = min(expiration, now() + Self.fileLifetime)
        case .plugin(let plugin):
            let answer = try plugin.run()
            proof.authorization = answer.token.map { "Bearer \($0)" }
            proof.certificate =
                try answer.certificate.map { try Self.certificate($0.certificate, $0.key) } ?? proof.certificate
            if let end = answer.expiration { expiration = min(expiration, end - Self.leeway) }
        }
        if let previous = current?.proof, previous.authorization == proof.authorization,
            previous.certificate == proof.certificate
        {
            proof.number = previous.number
        }
        count = proof.number
        current = (proof, expiration)
        return proof
    }

    private static func read(_ path: String) throws(KubernetesError) -> Data {
        guard let data = FileManager.default.contents(atPath: path), !data.isEmpty else {
            throw .configuration(
                "The credentials in \(path) cannot be read: check that the file is there and not empty.")
        }
        return data
    }

    private static func certificate(_ certificate: Data, _ key: Data) throws(KubernetesError)
        -> TLSOptions.ClientCertificate
    {
        // The TLS library would ask for the password at the terminal.
        if String(decoding: key, as: UTF8.self).contains("ENCRYPTED") {
            throw .configuration("The client certificate's key is encrypted: give a key without a password.")
        }
        return .init(certificate: certificate, key: key)
    }
}

extension Credentials {
    /// What is shown, in words without secrets.
    var summary: String {
        switch (token, certificate) {
        case (.value, _): "the token of the kubeconfig"
        case (.file(let path), _): "the token in \(path)"
        case (.plugin(let plugin), _): "the credentials that the plugin \(plugin.command) makes"
        case (.basic(let user, _), _): "the password of \(user)"
        case (nil, .data): "the client certificate of the kubeconfig"
        case (nil, .files(let path, _)): "the client certificate in \(path)"
        case (nil, nil): "a call without credentials"
        }
    }
}
