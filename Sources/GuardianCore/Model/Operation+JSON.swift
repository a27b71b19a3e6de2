extension Operation {
    /// The operation under the names of spec section 12. Absent values are left out; times are RFC 3339 UTC.
    package func json(includingPayload: Bool = true) -> JSONValue {
        var members: [JSONValue.Member] = []
        func put(_ name: String, _ value: JSONValue) { members.append(.init(name, value)) }
        func putTime(_ name: String, _ time: Timestamp?) { if let time { put(name, .string(time.rfc3339)) } }
        func putJSON(_ name: String, _ text: String?) {
            guard includingPayload, let text else { return }
            do throws(JSONScanner.Defect) { put(name, try JSONValue(parsing: text)) } catch { put(name, .string(text)) }
        }
        put("id", .string(id.description))
        put("seq", JSONValue(seq))
        put("status", .string(status.name))
        put("idempotency_key", .string(idempotencyKey.description))
        put("trace_id", .string(traceID.description))
        put("operation_type", .string(type))
        put("entity_type", .string(entity.type))
        put("entity_id", .string(entity.id))
        put("ordering_key", .string(orderingKey))
        putJSON("payload", payload)
        putJSON("base", base)
        if let txnToken { put("txn_token", .string(txnToken)) }
        put("priority", JSONValue(priority))
        putTime("not_before", notBefore)
        putTime("expires_at", expiresAt)
        if let principal { put("principal", .string(principal)) }
        put("schema_version", JSONValue(schemaVersion))
        putTime("enqueued_at", enqueuedAt)
        putTime("updated_at", updatedAt)
        put("attempt_count", JSONValue(attemptCount))
        put("tries", JSONValue(tries))
        putTime("last_attempt_at", lastAttemptAt)
        putTime("next_retry_at", nextRetryAt)
        put("backoff_ms", JSONValue(backoffMs))
        if let lastError { put("last_error", lastError.json) }
        if let server {
            var found: [JSONValue.Member] = [.init("gone", .bool(server.isGone))]
            if let etag = server.etag { found.append(.init("etag", .string(etag))) }
            // What the upstream told was read before it was stored; what can't be read is left out.
            if includingPayload, let state = server.state {
                do throws(JSONScanner.Defect) { found.append(.init("state", try JSONValue(parsing: state))) } catch {}
            }
            put("server", .object(found))
        }
        return .object(members)
    }
}

extension LastError {
    package var json: JSONValue {
        var members = [JSONValue.Member("class", .string(self.class.rawValue)), JSONValue.Member("code", .string(code))]
        if let httpStatus { members.append(.init("http_status", JSONValue(httpStatus))) }
        members.append(.init("message", .string(message)))
        return .object(members)
    }
}

extension Receipt {
    package var json: JSONValue {
        var members: [JSONValue.Member] = [
            .init("id", .string(id.description)), .init("seq", JSONValue(seq)), .init("status", "pending"),
            .init("outcome", .string(outcome.rawValue)),
        ]
        if let into { members.append(.init("into", .string(into.description))) }
        return .object(members)
    }
}

extension Books {
    package var json: JSONValue {
        [
            "accepted": JSONValue(accepted), "pending": JSONValue(pending), "processing": JSONValue(processing),
            "processed": JSONValue(processed), "failed": JSONValue(failed), "coalesced": JSONValue(coalesced),
            "cancelled": JSONValue(cancelled), "expired": JSONValue(expired), "cleared": JSONValue(cleared),
        ]
    }
}
