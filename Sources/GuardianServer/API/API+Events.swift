import GuardianCore
import GuardianPrivacy
import Hummingbird

extension API {
    /// What happens from now on, redacted.
    func events() -> Response {
        let missed = MissedEvents()
        let events = engine.events(missed: missed)
        return .eventStream(greeting: "events", backlog: 4096) { sender in
            for await event in events {
                sender.skip(missed.take())
                sender.send(event.name, Redactor.standard.redact(event.json(at: SystemClock().now.wall)).text)
            }
        }
    }
}
