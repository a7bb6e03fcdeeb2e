/// A request that is refused, in S3's terms.
package struct S3Failure: Error, Equatable {
    package var status: Int
    package var code: String
    package var message: String

    init(_ status: Int, _ code: String, _ message: String) {
        self.status = status
        self.code = code
        self.message = message
    }
}

extension S3Failure {
    // Who asks
    static let accessDenied = S3Failure(403, "AccessDenied", "Access Denied.")
    static let invalidAccessKey = S3Failure(
        403, "InvalidAccessKeyId", "The access key ID you provided does not exist in our records.")
    static let signatureMismatch = signatureMismatch("")

    /// - Parameter hint: what may have gone wrong, a sentence.
    static func signatureMismatch(_ hint: String) -> S3Failure {
        S3Failure(
            403, "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. "
                + "Check your key and signing method." + (hint.isEmpty ? "" : " " + hint))
    }
    static let timeSkewed = S3Failure(
        403, "RequestTimeTooSkewed", "The difference between the request time and the server's time is too large.")
    static let expired = S3Failure(403, "AccessDenied", "Request has expired")
    static let notYetValid = S3Failure(403, "AccessDenied", "Request is not valid yet")
    static let headersNotSigned = S3Failure(
        403, "AccessDenied", "There were headers present in the request which were not signed")
    static let malformedAuthorization = S3Failure(
        400, "AuthorizationHeaderMalformed", "The authorization header is malformed.")
    static let malformedPresign = S3Failure(
        400, "AuthorizationQueryParametersError", "The query parameters of the signature are malformed.")
    static let unsupportedSignature = S3Failure(
        400, "InvalidRequest",
        "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.")

    // What is asked for
    static let noSuchBucket = S3Failure(404, "NoSuchBucket", "The specified bucket does not exist")
    static let noSuchKey = S3Failure(404, "NoSuchKey", "The specified key does not exist.")
    static let noSuchUpload = S3Failure(
        404, "NoSuchUpload",
        "The specified multipart upload does not exist. The upload ID may be invalid, or the upload may have been "
            + "aborted or completed.")
    static let noLifecycle = S3Failure(
        404, "NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist")
    static let bucketExists = S3Failure(
        409, "BucketAlreadyOwnedByYou",
        "Your previous request to create the named bucket succeeded and you already own it.")
    static let bucketNotEmpty = S3Failure(409, "BucketNotEmpty", "The bucket you tried to delete is not empty")
    static let invalidBucketName = S3Failure(400, "InvalidBucketName", "The specified bucket is not valid.")
    static let keyTooLong = S3Failure(400, "KeyTooLongError", "Your key is too long")
    static let invalidRange = S3Failure(416, "InvalidRange", "The requested range is not satisfiable")
    static let preconditionFailed = S3Failure(
        412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
    static let notImplemented = S3Failure(
        501, "NotImplemented", "A header or query you provided implies functionality that is not implemented.")
    static let methodNotAllowed = S3Failure(
        405, "MethodNotAllowed", "The specified method is not allowed against this resource.")
    static let unknownTarget = S3Failure(
        400, "InvalidArgument",
        "A specified destination ARN does not exist or is not well-formed. Verify the destination ARN.")

    // What is sent
    static let missingLength = S3Failure(
        411, "MissingContentLength", "You must provide the Content-Length HTTP header.")
    static let incompleteBody = S3Failure(
        400, "IncompleteBody", "You did not provide the number of bytes specified by the Content-Length HTTP header.")
    static let tooLarge = S3Failure(
        400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed object size.")
    static let tooSmall = S3Failure(
        400, "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed object size.")
    static let badDigest = S3Failure(
        400, "BadDigest", "The Content-Md5 you specified did not match what we received.")
    static let invalidDigest = S3Failure(400, "InvalidDigest", "The Content-Md5 you specified is not valid.")
    static let contentHashMismatch = S3Failure(
        400, "XAmzContentSHA256Mismatch",
        "The provided 'x-amz-content-sha256' header does not match what was computed.")
    static let malformedXML = S3Failure(
        400, "MalformedXML",
        "The XML you provided was not well-formed or did not validate against our published schema.")
    static let foreignPage = S3Failure(
        403, "AccessForbidden",
        "CORSResponse: This CORS request is not allowed: its origin is none of those in MSAAS_ALLOWED_ORIGINS.")
    static let formUpload = S3Failure(
        501, "NotImplemented",
        "Uploads by a form (presigned POST) are not implemented; ask for a presigned PUT, or send the form to POST /upload."
    )
    static let malformedChunk = S3Failure(400, "InvalidRequest", "The body's aws-chunked encoding is malformed.")
    static let headersTooLarge = S3Failure(
        400, "RequestHeaderSectionTooLarge",
        "Your request header and query parameters used to make the request exceed the maximum allowed size.")
    static let metadataTooLarge = S3Failure(
        400, "MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size.")
    static let invalidPart = S3Failure(
        400, "InvalidPart",
        "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified "
            + "entity tag may not match the part's entity tag.")
    static let invalidPartOrder = S3Failure(
        400, "InvalidPartOrder",
        "The list of parts was not in ascending order. The parts list must be specified in order by part number.")
    static let diskFull = S3Failure(
        507, "XMinioStorageFull",
        "Storage backend has reached its minimum free disk threshold. "
            + "Please delete a few objects to proceed.")
    static let internalError = S3Failure(
        500, "InternalError", "We encountered an internal error, please try again.")

    static func invalidArgument(_ message: String) -> S3Failure { S3Failure(400, "InvalidArgument", message) }
    static func checksumMismatch(_ name: String) -> S3Failure {
        S3Failure(400, "BadDigest", "The \(name) you specified did not match the calculated checksum.")
    }
}
