import GuardianCore
import GuardianPrivacy
import Hummingbird

extension API {
    /// What happens from now on, redacted.
    func events() -> Response {
        let events = engine.events
        return .eventStream(greeting: "events", backlog: 4096) { send in
            for await event in events {
                send(event.name, Redactor.standard.redact(event.json(at: SystemClock().now.wall)).text)
            }
        }
    }
}
