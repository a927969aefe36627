"""No stranger gets mail through to elsewhere, in whatever form the address comes."""
import pytest

FORMS = [
    "<friend@elsewhere.example>",
    "friend@elsewhere.example",
    "<friend%elsewhere.example@shop.net>",
    "<friend%elsewhere.example@mx.example.org>",
    "<friend%elsewhere.example@[127.0.0.1]>",
    "<friend%elsewhere.example>",
    "<elsewhere.example!friend>",
    "<elsewhere.example!friend@shop.net>",
    "<elsewhere.example!friend@[127.0.0.1]>",
    "<shop.net!elsewhere.example!friend@mx.example.org>",
    "<@shop.net:friend@elsewhere.example>",
    "<@shop.net,@mx.example.org:friend@elsewhere.example>",
    "<@elsewhere.example:friend@elsewhere.example>",
    "<\"friend@elsewhere.example\"@shop.net>",
    "<\"friend@elsewhere.example\"@[127.0.0.1]>",
    "<\"friend@elsewhere.example\">",
    "<\"friend%elsewhere.example\"@shop.net>",
    "<\"elsewhere.example!friend\"@shop.net>",
    "<friend@elsewhere.example@shop.net>",
    "<friend@shop.net@elsewhere.example>",
    "<friend@[192.0.2.25]>",
    "<friend@[IPv6:2001:db8::25]>",
    "<friend@[127.0.0.1]>",
    "<friend@127.0.0.1>",
    "<friend@192.0.2.25>",
    "<friend@shop.net.elsewhere.example>",
    "<friend@elsewhere-shop.net>",
    "<friend@elsewhere.example.>",
    "<friend@elsewhere.example%shop.net>",
    "<postmaster%elsewhere.example@shop.net>",
    "<postmaster@elsewhere.example>",
    "<guest@elsewhere.example>",
    "<friend>",
    "<guest@shop.net> <friend@elsewhere.example>",
    "<guest@shop.net>,<friend@elsewhere.example>",
]
SENDERS = ["user@hidden.gov", "", "guest@shop.net", "postmaster@mx.example.org"]
STRANGERS = 'relay { from = ["192.0.2.0/24"], via = "127.0.0.1:9" }'


@pytest.fixture(params=["", STRANGERS], ids=["no_relay_section", "relay_for_others"])
def gate(new_postern, request):
    return new_postern(relay=request.param).start()


@pytest.mark.parametrize("sender", SENDERS)
def test_refused(gate, sender):
    with gate.dialogue() as d:
        d.say("EHLO me.example.org", 250)
        d.say(f"MAIL FROM:<{sender}>", 250)
    for form in FORMS:
        with gate.dialogue() as d:
            d.say("EHLO me.example.org", 250)
            d.say(f"MAIL FROM:<{sender}>", 250)
            code, text = d.ask(f"RCPT TO:{form}")
            assert 500 <= code <= 559, f"{form}: {code} {text}"
            code, text = d.ask("DATA")
            assert code in (503, 554), f"DATA after {form}: {code} {text}"
    assert gate.queue() == []
    with gate.dialogue() as d:
        d.say("EHLO me.example.org", 250)
        d.send(b"Subject: ours is taken\r\n\r\n", sender=sender)
    gate.wait_delivered(1)


@pytest.mark.parametrize("form", ["<friend@elsewhere.example>",
                                  "<@shop.net,@x.example:friend@elsewhere.example>"])
def test_those_who_may(new_postern, via, form):
    """RFC 5321 appendix C: a source route is read and ignored."""
    postern = new_postern(relay=via(9)).start()
    with postern.dialogue() as d:
        d.say("EHLO me.example.org", 250)
        d.say("MAIL FROM:<user@hidden.gov>", 250)
        d.say(f"RCPT TO:{form}", 250)
