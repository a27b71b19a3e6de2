import GuardianCore

/// What the API takes and answers, as OpenAPI 3.1: served at `/openapi.json`. A test holds its paths against the routes.
enum OpenAPIDocument {
    static let text = head + operations + others + components

    private static let head = #"""
        {"openapi":"3.1.0","info":{"title":"GuardianSync sidecar","version":"1",
        "description":"Hands operations to the sidecar, which writes each to disk before it answers and delivers it exactly once in effect. Errors are problem details (RFC 9457). What takes GET takes HEAD, but for /v1/events.",
        "license":{"name":"Apache-2.0","identifier":"Apache-2.0"}},
        "servers":[{"url":"/"}],
        "security":[{},{"token":[]}],
        "tags":[{"name":"operations"},{"name":"delivery"},{"name":"health"}],
        "paths":{

        """#

    private static let operations = #"""
        "/v1/operations":{
        "post":{"operationId":"enqueue","tags":["operations"],"summary":"Enqueue one operation, an array, or NDJSON; answers after the commit.",
        "parameters":[{"$ref":"#/components/parameters/IdempotencyKey"}],
        "requestBody":{"required":true,"content":{"application/json":{"schema":{"oneOf":[{"$ref":"#/components/schemas/NewOperation"},{"type":"array","items":{"$ref":"#/components/schemas/NewOperation"},"maxItems":\#(Limits().batch)}]},
        "examples":{"one":{"summary":"One update.","value":{"operation_type":"update","entity_type":"room","entity_id":"r1","payload":{"temperature":21}}},
        "delete":{"summary":"A delete, under an id of your own.","value":{"id":"checkout-17","operation_type":"delete","entity_type":"room","entity_id":"r2"}},
        "edit":{"summary":"An edit with what it was made on, to be sent within an hour or so.","value":{"operation_type":"update","entity_type":"room","entity_id":"r3","payload":{"name":"Ward 7"},"base":{"name":"Ward 6"},"priority":5,"expires_at":"2099-01-31T09:00:00Z"}},
        "several":{"summary":"Several at once, one commit.","value":[{"operation_type":"create","entity_type":"room","entity_id":"r4","payload":{"name":"Lab"}},{"operation_type":"update","entity_type":"room","entity_id":"r4","payload":{"name":"Lab 1"}}]}}},
        "application/x-ndjson":{"schema":{"type":"string"},"examples":{"lines":{"summary":"One operation a line.","value":"{\"operation_type\":\"update\",\"entity_type\":\"room\",\"entity_id\":\"r5\",\"payload\":{\"n\":1}}\n{\"operation_type\":\"update\",\"entity_type\":\"room\",\"entity_id\":\"r5\",\"payload\":{\"n\":2}}\n"}}}}},
        "responses":{"202":{"description":"On disk.","content":{"application/json":{"schema":{"oneOf":[{"$ref":"#/components/schemas/Receipt"},{"$ref":"#/components/schemas/Receipts"}]}}},
        "links":{"show":{"operationId":"show","parameters":{"id":"$response.body#/id"}},"explain":{"operationId":"explain","parameters":{"id":"$response.body#/id"}},"cancel":{"operationId":"cancel","parameters":{"id":"$response.body#/id"}}}},
        "400":{"$ref":"#/components/responses/Problem"},"401":{"$ref":"#/components/responses/Problem"},"403":{"$ref":"#/components/responses/Problem"},"413":{"$ref":"#/components/responses/Problem"},"415":{"$ref":"#/components/responses/Problem"},"421":{"$ref":"#/components/responses/Problem"},"422":{"$ref":"#/components/responses/Problem"},"429":{"$ref":"#/components/responses/Problem"},"503":{"$ref":"#/components/responses/Problem"},"507":{"$ref":"#/components/responses/Problem"}}},
        "get":{"operationId":"list","tags":["operations"],"summary":"Stored operations by filter, in pages. While there is a next_cursor more may follow, also after a page that is not full.",
        "parameters":[
        {"name":"status","in":"query","schema":{"$ref":"#/components/schemas/Status"}},
        {"name":"operation_type","in":"query","schema":{"type":"string"}},
        {"name":"entity_type","in":"query","schema":{"type":"string"}},
        {"name":"entity_id","in":"query","schema":{"type":"string"}},
        {"name":"trace_id","in":"query","schema":{"type":"string","format":"uuid","pattern":"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"}},
        {"name":"since","in":"query","description":"Enqueued then or later.","schema":{"type":"string","format":"date-time"}},
        {"name":"until","in":"query","description":"Enqueued before.","schema":{"type":"string","format":"date-time"}},
        {"name":"error_class","in":"query","description":"Class of the last error.","schema":{"$ref":"#/components/schemas/ErrorClass"}},
        {"name":"cause","in":"query","description":"Failed for this cause, as the console's failures page names it.","schema":{"type":"string","pattern":"^[0-9a-f]{16}$"}},
        {"name":"q","in":"query","description":"Text in ids, traces, entities, keys, error codes and messages; 256 bytes of UTF-8 at most, so that 64 characters are always taken.","schema":{"type":"string","maxLength":64}},
        {"name":"through","in":"query","description":"Only numbers up to this one.","schema":{"type":"integer","minimum":0,"maximum":9007199254740991}},
        {"name":"as_of","in":"query","description":"Only what has not changed since then.","schema":{"type":"string","format":"date-time"}},
        {"name":"order","in":"query","schema":{"enum":["asc","desc"]}},
        {"name":"limit","in":"query","schema":{"type":"integer","minimum":1,"maximum":1000,"default":100}},
        {"name":"cursor","in":"query","description":"next_cursor of the page before.","schema":{"type":"string","pattern":"^[0-9a-z]{1,12}$"}}],
        "responses":{"200":{"description":"A page.","content":{"application/json":{"schema":{"$ref":"#/components/schemas/Page"}}}},
        "400":{"$ref":"#/components/responses/Problem"},"401":{"$ref":"#/components/responses/Problem"},"403":{"$ref":"#/components/responses/Problem"},"413":{"$ref":"#/components/responses/Problem"},"421":{"$ref":"#/components/responses/Problem"},"429":{"$ref":"#/components/responses/Problem"},"503":{"$ref":"#/components/responses/Problem"},"507":{"$ref":"#/components/responses/Problem"}}}},
        "/v1/operations/{id}":{"parameters":[{"$ref":"#/components/parameters/id"}],
        "get":{"operationId":"show","tags":["operations"],"summary":"One stored operation. Its ETag changes with it.",
        "parameters":[{"name":"If-None-Match","in":"header","description":"Entity tags, or *: one that it has spares the body.","schema":{"type":"string","pattern":"^(\\*|(W/)?\"[!#-~]*\"( ?, ?(W/)?\"[!#-~]*\")*)$"}}],
        "responses":{"200":{"description":"The operation.","headers":{"ETag":{"schema":{"type":"string"}}},"content":{"application/json":{"schema":{"$ref":"#/components/schemas/Operation"}}}},"304":{"description":"As it was."},
        "400":{"$ref":"#/components/responses/Problem"},"401":{"$ref":"#/components/responses/Problem"},"403":{"$ref":"#/components/responses/Problem"},"404":{"$ref":"#/components/responses/Problem"},"413":{"$ref":"#/components/responses/Problem"},"421":{"$ref":"#/components/responses/Problem"},"429":{"$ref":"#/components/responses/Problem"},"503":{"$ref":"#/components/responses/Problem"},"507":{"$ref":"#/components/responses/Problem"}}},
        "delete":{"operationId":"cancel","tags":["operations"],"summary":"Take it out of the queue, unless it is on the wire. Says whether it may have had its effect.",
        "parameters":[{"$ref":"#/components/parameters/IfMatch"}],
        "responses":{"200":{"description":"Cancelled.","content":{"application/json":{"schema":{"$ref":"#/components/schemas/Cancelled"}}}},
        "400":{"$ref":"#/components/responses/Problem"},"401":{"$ref":"#/components/responses/Problem"},"403":{"$ref":"#/components/responses/Problem"},"404":{"$ref":"#/components/responses/Problem"},"409":{"$ref":"#/components/responses/Problem"},"412":{"$ref":"#/components/responses/Problem"},"413":{"$ref":"#/components/responses/Problem"},"421":{"$ref":"#/components/responses/Problem"},"429":{"$ref":"#/components/responses/Problem"},"503":{"$ref":"#/components/responses/Problem"},"507":{"$ref":"#/components/responses/Problem"}}}},
        "/v1/operations/{id}/retry":{"parameters":[{"$ref":"#/components/parameters/id"}],
        "post":{"operationId":"retry","tags":["operations"],"summary":"Put a failed operation back at its old place.",
        "parameters":[{"$ref":"#/components/parameters/IfMatch"},{"$ref":"#/components/parameters/IdempotencyKey"}],
        "responses":{"200":{"description":"It waits again.","content":{"application/json":{"schema":{"type":"object","required":["id","status"],"properties":{"id":{"type":"string"},"status":{"const":"pending"}}}}}},
        "400":{"$ref":"#/components/responses/Problem"},"401":{"$ref":"#/components/responses/Problem"},"403":{"$ref":"#/components/responses/Problem"},"404":{"$ref":"#/components/responses/Problem"},"409":{"$ref":"#/components/responses/Problem"},"412":{"$ref":"#/components/responses/Problem"},"413":{"$ref":"#/components/responses/Problem"},"421":{"$ref":"#/components/responses/Problem"},"422":{"$ref":"#/components/responses/Problem"},"429":{"$ref":"#/components/responses/Problem"},"503":{"$ref":"#/components/responses/Problem"},"507":{"$ref":"#/components/responses/Problem"}}}},
        "/v1/operations/{id}/explain":{"parameters":[{"$ref":"#/components/parameters/id"}],
        "get":{"operationId":"explain","tags":["operations"],"summary":"Why it is not moving, or that it may go.",
        "responses":{"200":{"description":"The one reason.","content":{"application/json":{"schema":{"$ref":"#/components/schemas/Explanation"}}}},
        "400":{"$ref":"#/components/responses/Problem"},"401":{"$ref":"#/components/responses/Problem"},"403":{"$ref":"#/components/responses/Problem"},"404":{"$ref":"#/components/responses/Problem"},"413":{"$ref":"#/components/responses/Problem"},"421":{"$ref":"#/components/responses/Problem"},"429":{"$ref":"#/components/responses/Problem"},"503":{"$ref":"#/components/responses/Problem"},"507":{"$ref":"#/components/responses/Problem"}}}},

        """#

    private static let others = #"""
        "/v1/explain":{"get":{"operationId":"explainQueue","tags":["delivery"],"summary":"What holds up the queue as a whole, in numbers.",
        "responses":{"200":{"description":"Counts by reason.","content":{"application/json":{"schema":{"type":"object","required":["pending","claimable","reasons","detail"],"properties":{"pending":{"type":"integer"},"claimable":{"type":"integer"},"reasons":{"type":"object","additionalProperties":{"type":"integer"}},"detail":{"type":"string"}}}}}},"400":{"$ref":"#/components/responses/Problem"},"401":{"$ref":"#/components/responses/Problem"},"403":{"$ref":"#/components/responses/Problem"},"413":{"$ref":"#/components/responses/Problem"},"421":{"$ref":"#/components/responses/Problem"},"429":{"$ref":"#/components/responses/Problem"},"503":{"$ref":"#/components/responses/Problem"},"507":{"$ref":"#/components/responses/Problem"}}}},
        "/v1/events":{"get":{"operationId":"events","tags":["delivery"],"summary":"What happens from now on, as server-sent events.",
        "responses":{"200":{"description":"One event a frame, with a running number as its id; a comment every 15 s. To a reader that does not keep up an event `missed` says how many were left out there: its data has their count.","content":{"text/event-stream":{"schema":{"type":"string"}}}},"400":{"$ref":"#/components/responses/Problem"},"401":{"$ref":"#/components/responses/Problem"},"403":{"$ref":"#/components/responses/Problem"},"413":{"$ref":"#/components/responses/Problem"},"421":{"$ref":"#/components/responses/Problem"},"429":{"$ref":"#/components/responses/Problem"},"503":{"$ref":"#/components/responses/Problem"},"507":{"$ref":"#/components/responses/Problem"}}}},
        "/v1/status":{"get":{"operationId":"status","tags":["delivery"],"summary":"Books, pauses and lock.",
        "responses":{"200":{"description":"As it stands.","content":{"application/json":{"schema":{"type":"object","required":["books","delivering","pauses"],"properties":{"books":{"$ref":"#/components/schemas/Books"},"delivering":{"type":"boolean"},"pauses":{"type":"array","items":{"type":"string"}},"lock":{"oneOf":[{"type":"null"},{"type":"object"}]}}}}}},"400":{"$ref":"#/components/responses/Problem"},"401":{"$ref":"#/components/responses/Problem"},"403":{"$ref":"#/components/responses/Problem"},"413":{"$ref":"#/components/responses/Problem"},"421":{"$ref":"#/components/responses/Problem"},"429":{"$ref":"#/components/responses/Problem"},"503":{"$ref":"#/components/responses/Problem"},"507":{"$ref":"#/components/responses/Problem"}}}},
        "/v1/pause":{"post":{"operationId":"pause","tags":["delivery"],"summary":"Stop delivery, durably, for every processor of the store.",
        "responses":{"200":{"$ref":"#/components/responses/Paused"},"400":{"$ref":"#/components/responses/Problem"},"401":{"$ref":"#/components/responses/Problem"},"403":{"$ref":"#/components/responses/Problem"},"413":{"$ref":"#/components/responses/Problem"},"421":{"$ref":"#/components/responses/Problem"},"429":{"$ref":"#/components/responses/Problem"},"503":{"$ref":"#/components/responses/Problem"},"507":{"$ref":"#/components/responses/Problem"}}}},
        "/v1/resume":{"post":{"operationId":"resume","tags":["delivery"],"summary":"End every pause, whatever its reason. Says whether one is in force all the same.",
        "responses":{"200":{"$ref":"#/components/responses/Paused"},"400":{"$ref":"#/components/responses/Problem"},"401":{"$ref":"#/components/responses/Problem"},"403":{"$ref":"#/components/responses/Problem"},"413":{"$ref":"#/components/responses/Problem"},"421":{"$ref":"#/components/responses/Problem"},"429":{"$ref":"#/components/responses/Problem"},"503":{"$ref":"#/components/responses/Problem"},"507":{"$ref":"#/components/responses/Problem"}}}},
        "/healthz":{"get":{"operationId":"healthz","tags":["health"],"security":[{}],"summary":"The process is up.","responses":{"200":{"description":"Alive.","content":{"application/json":{"schema":{"type":"object","required":["alive"],"properties":{"alive":{"const":true}}}}}},"400":{"$ref":"#/components/responses/Problem"},"403":{"$ref":"#/components/responses/Problem"},"413":{"$ref":"#/components/responses/Problem"},"421":{"$ref":"#/components/responses/Problem"},"429":{"$ref":"#/components/responses/Problem"}}}},
        "/readyz":{"get":{"operationId":"readyz","tags":["health"],"security":[{}],"summary":"The store takes writes.","responses":{"200":{"description":"Ready.","content":{"application/json":{"schema":{"type":"object","required":["ready"],"properties":{"ready":{"const":true},"delivering":{"type":"boolean"},"checks":{"type":"object"},"reasons":{"type":"array","items":{"type":"string"}}}}}}},"400":{"$ref":"#/components/responses/Problem"},"403":{"$ref":"#/components/responses/Problem"},"413":{"$ref":"#/components/responses/Problem"},"421":{"$ref":"#/components/responses/Problem"},"429":{"$ref":"#/components/responses/Problem"},"503":{"$ref":"#/components/responses/Problem"},"507":{"$ref":"#/components/responses/Problem"}}}},
        "/metrics":{"get":{"operationId":"metrics","tags":["health"],"summary":"Metrics for a scraper: Prometheus text, or OpenMetrics where Accept asks for it.","responses":{"200":{"description":"Metrics.","content":{"text/plain":{"schema":{"type":"string"}},"application/openmetrics-text":{"schema":{"type":"string"}}}},"400":{"$ref":"#/components/responses/Problem"},"401":{"$ref":"#/components/responses/Problem"},"403":{"$ref":"#/components/responses/Problem"},"404":{"$ref":"#/components/responses/Problem"},"413":{"$ref":"#/components/responses/Problem"},"421":{"$ref":"#/components/responses/Problem"},"429":{"$ref":"#/components/responses/Problem"}}}},
        "/metrics.json":{"get":{"operationId":"metricsJSON","tags":["health"],"summary":"Metrics, summary and alerts.","responses":{"200":{"description":"Metrics.","content":{"application/json":{"schema":{"type":"object"}}}},"400":{"$ref":"#/components/responses/Problem"},"401":{"$ref":"#/components/responses/Problem"},"403":{"$ref":"#/components/responses/Problem"},"404":{"$ref":"#/components/responses/Problem"},"413":{"$ref":"#/components/responses/Problem"},"421":{"$ref":"#/components/responses/Problem"},"429":{"$ref":"#/components/responses/Problem"}}}},
        "/openapi.json":{"get":{"operationId":"openapi","tags":["health"],"security":[{}],"summary":"This document.","responses":{"200":{"description":"OpenAPI 3.1.","content":{"application/json":{"schema":{"type":"object"}}}},"304":{"description":"As it was."},"400":{"$ref":"#/components/responses/Problem"},"403":{"$ref":"#/components/responses/Problem"},"413":{"$ref":"#/components/responses/Problem"},"421":{"$ref":"#/components/responses/Problem"},"429":{"$ref":"#/components/responses/Problem"}}}}
        },

        """#

    private static let components = #"""
        "components":{
        "securitySchemes":{"token":{"type":"http","scheme":"bearer","description":"Asked for where token_file is set."}},
        "parameters":{"id":{"name":"id","in":"path","required":true,"schema":{"type":"string","minLength":1,"maxLength":128,"pattern":"^[!-~]+$"}},
        "IdempotencyKey":{"name":"Idempotency-Key","in":"header","required":false,"schema":{"type":"string","minLength":1,"maxLength":128,"pattern":"^[!-~]+$"},"description":"Sent again with the same request, the first answer comes back and nothing more is done: with new operations as long as the ledger remembers them, with a retry as long as the process lives. With another request it is refused, but of NDJSON each line counts by itself: one that has changed is an operation of its own. A request that was wrong leaves its key free."},
        "IfMatch":{"name":"If-Match","in":"header","required":false,"description":"Entity tags, or *: only if it is still as one of them says.","schema":{"type":"string","pattern":"^(\\*|(W/)?\"[!#-~]*\"( ?, ?(W/)?\"[!#-~]*\")*)$"}}},
        "responses":{"Problem":{"description":"Why not.","content":{"application/problem+json":{"schema":{"$ref":"#/components/schemas/Problem"}}}},
        "Paused":{"description":"As it is now.","content":{"application/json":{"schema":{"type":"object","required":["paused"],"properties":{"paused":{"type":"boolean"}}}}}}},
        "schemas":{
        "Status":{"enum":["pending","processing","failed"]},
        "ErrorClass":{"enum":["permanent","transient","network","tls","auth","conflict","upgrade","exhausted","expired","dependency","crash_suspect","in_doubt"]},
        "NewOperation":{"type":"object","required":["operation_type","entity_type","entity_id"],"anyOf":[{"required":["payload"]},{"properties":{"operation_type":{"const":"delete"}}}],"additionalProperties":false,"properties":{
        "id":{"type":"string","minLength":1,"maxLength":128,"pattern":"^[!-~]+$"},
        "idempotency_key":{"type":"string","format":"uuid","pattern":"^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"},
        "trace_id":{"type":"string","format":"uuid","pattern":"^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"},
        "operation_type":{"type":"string","pattern":"^[a-z0-9_-]{1,64}$"},
        "entity_type":{"type":"string","pattern":"^[A-Za-z0-9_-]{1,64}$"},
        "entity_id":{"type":"string","minLength":1,"maxLength":256,"description":"256 bytes of UTF-8 at most.","pattern":"^[^\\u0000-\\u001f\\u007f]+$"},
        "ordering_key":{"type":"string","minLength":1,"maxLength":256,"description":"256 bytes of UTF-8 at most.","pattern":"^[^\\u0000-\\u001f\\u007f]+$"},
        "payload":{"type":"object","description":"As long as `limits.payload` of the sidecar allows, 1 MiB by default. May be left out of a delete."},
        "base":{"type":"object","description":"As long as a payload."},"txn_token":{"type":"string","minLength":1,"maxLength":128,"description":"128 bytes of UTF-8 at most.","pattern":"^[^\\u0000-\\u001f\\u007f]+$"},
        "priority":{"type":"integer","minimum":-100,"maximum":100},
        "not_before":{"type":"string","format":"date-time"},"expires_at":{"type":"string","format":"date-time"},
        "principal":{"type":"string","minLength":1,"maxLength":256,"pattern":"^[^\\u0000-\\u001f\\u007f]+$","description":"256 bytes of UTF-8 at most. Needs a sidecar that hashes principals."},"schema_version":{"type":"integer","minimum":1,"maximum":1000000}}},
        "Receipt":{"type":"object","required":["id","seq","status","outcome"],"properties":{"id":{"type":"string"},"seq":{"type":"integer"},"status":{"const":"pending"},"outcome":{"enum":["accepted","duplicate","coalesced","cancelled_out"]},"into":{"type":"string"}}},
        "Receipts":{"type":"object","required":["receipts"],"properties":{"receipts":{"type":"array","items":{"$ref":"#/components/schemas/Receipt"}}}},
        "LastError":{"type":"object","required":["class","code","message"],"properties":{"class":{"$ref":"#/components/schemas/ErrorClass"},"code":{"type":"string"},"http_status":{"type":"integer"},"message":{"type":"string"}}},
        "Operation":{"type":"object","required":["id","seq","status","idempotency_key","trace_id","operation_type","entity_type","entity_id","ordering_key","priority","schema_version","enqueued_at","updated_at","attempt_count","backoff_ms"],"properties":{
        "id":{"type":"string"},"seq":{"type":"integer"},"status":{"$ref":"#/components/schemas/Status"},"idempotency_key":{"type":"string","format":"uuid"},"trace_id":{"type":"string","format":"uuid"},
        "operation_type":{"type":"string"},"entity_type":{"type":"string"},"entity_id":{"type":"string"},"ordering_key":{"type":"string"},"payload":{},"base":{},"txn_token":{"type":"string"},"priority":{"type":"integer"},
        "not_before":{"type":"string","format":"date-time"},"expires_at":{"type":"string","format":"date-time"},"principal":{"type":"string"},"schema_version":{"type":"integer"},
        "enqueued_at":{"type":"string","format":"date-time"},"updated_at":{"type":"string","format":"date-time"},"attempt_count":{"type":"integer"},"tries":{"type":"integer"},"last_attempt_at":{"type":"string","format":"date-time"},"next_retry_at":{"type":"string","format":"date-time"},"backoff_ms":{"type":"integer"},
        "last_error":{"$ref":"#/components/schemas/LastError"},"server":{"type":"object"}}},
        "Page":{"type":"object","required":["operations"],"properties":{"operations":{"type":"array","items":{"$ref":"#/components/schemas/Operation"}},"next_cursor":{"type":"string"}}},
        "Cancelled":{"type":"object","required":["id","cancelled"],"properties":{"id":{"type":"string"},"cancelled":{"enum":["never_sent","may_have_applied"]},"undo":{"description":"What would take it back; null where that is not known, or is its principal's to send."}}},
        "Explanation":{"type":"object","required":["id","claimable","detail"],"properties":{"id":{"type":"string"},"claimable":{"type":"boolean"},"reason":{"enum":["behind","not_before","backoff","origin_hold","breaker","plague_hold","paused","auth_required","upgrade_required","principal","leased","in_doubt","disk","failed"]},"until":{"type":"string","format":"date-time"},"by":{"type":"string"},"detail":{"type":"string"}}},
        "Books":{"type":"object","required":["accepted","pending","processing","processed","failed","coalesced","cancelled","expired","cleared"],"additionalProperties":{"type":"integer"}},
        "Problem":{"type":"object","required":["type","title","status","detail"],"properties":{"type":{"type":"string"},"title":{"type":"string"},"status":{"type":"integer"},"detail":{"type":"string"},"errors":{"type":"array","items":{"type":"object","required":["field","message"],"properties":{"field":{"type":"string"},"line":{"type":"integer"},"message":{"type":"string"}}}}}}
        }}}
        """#
}
