"""The parts without a server: templates, options, addresses, requests, schemas, the index."""

from __future__ import annotations

import json
import random
from typing import ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lakebed
from lakebed.prompts import model_options
from lakebed.prompts.address import address
from lakebed.prompts.digest_bag import DigestBag, digest_of
from lakebed.prompts.model_names import full_name, is_cloud_name, name_key
from lakebed.prompts.reply_format import ReplyFormat
from lakebed.prompts.request import RequestBuilder, RequestSettings, canonical, user_message, without_digest
from lakebed.prompts.seq_index import SeqIndex
from lakebed.prompts.template import Template, dump, parse

ROW = parse(
    '{"title":"A {b}","n":1.50,"big":12345678901234567890,"no":null,"yes":true,"user":{"name":"Zoë","tags":["x","y"]},"a.b":"dot"}'
)


class TestTemplates:
    @pytest.mark.parametrize(
        ("template", "prompt"),
        [
            ("Say {title}!", "Say A {b}!"),
            ("{n} {big} {yes} [{no}]", "1.50 12345678901234567890 true []"),
            ("{user.name} {user.tags.1} {user.tags.9}{user.none}", "Zoë y "),
            ("{user}", '{"name":"Zoë","tags":["x","y"]}'),
            ("{a.b}", "dot"),
            ('{{"a": {n}}}', '{"a": 1.50}'),
            (r"a\nb\tc\\n \d", "a\nb\tc\\n \\d"),
            ("{ title }", "A {b}"),
            ("", ""),
        ],
    )
    def test_rendering(self, template, prompt):
        parsed = Template(template)
        parsed.check(ROW)
        assert parsed.render(ROW) == prompt

    @pytest.mark.parametrize(
        ("template", "message"),
        [
            ("{titel}", r"no column is called titel: did you mean title\?"),
            ("{user.nmae}", r"no column is called nmae: did you mean name\?"),
            ("{}", "{} without a column"),
            ("a } b", "single } after 'a '"),
            ("{title", "single {"),
            ("{title.__class__}", None),
            ('{"a":1}', "Write {{ for a brace"),
            ("{zzz}", "there is title, n, big"),
        ],
    )
    def test_what_is_wrong_is_said_before_anything_runs(self, template, message):
        children = {"user": ["name", "tags"]}
        if message is None:
            # A path into what has no fields leads nowhere; attributes cannot be reached.
            assert Template(template).render(ROW) == ""
            return
        with pytest.raises(lakebed.InvalidArgument, match=message):
            Template(template).check(ROW, children)

    @given(st.text())
    def test_any_text_can_be_written(self, text):
        written = text.replace("\\", "\\\\").replace("{", "{{").replace("}", "}}")
        assert Template(written).render({}) == text

    @given(st.dictionaries(st.text(min_size=1).filter(lambda name: not set(name) & set("{}")), st.text(), min_size=1))
    def test_values_are_text_whatever_they_look_like(self, row):
        for name in row:
            if name == name.strip():
                assert Template(f"<{{{name}}}>").render(row) == f"<{row[name]}>"

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(),
            lambda one: st.lists(one) | st.dictionaries(st.text(), one),
        )
    )
    def test_json_comes_back_as_it_was(self, value):
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        assert dump(parse(text)) == text


class TestOptions:
    def test_types_are_those_of_ollama_so_that_equal_options_are_equal_bytes(self):
        assert model_options.checked({"temperature": 0, "num_ctx": "8192", "stop": "END"}) == model_options.checked(
            {"stop": ["END"], "num_ctx": 8192.0, "temperature": "0.0"}
        )
        assert model_options.from_words(("temperature=0.5", "stop=a", "stop=b")) == {
            "temperature": "0.5",
            "stop": ["a", "b"],
        }

    @pytest.mark.parametrize(
        ("name", "value", "message"),
        [
            ("temprature", 1, r"no option 'temprature': did you mean temperature\?"),
            ("num_ctx", "many", "takes a whole number, not 'many'"),
            ("num_ctx", 1.5, "takes a whole number"),
            ("temperature", "nan", "takes a number"),
            ("temperature", True, "takes a number"),
            ("use_mmap", "maybe", "takes true or false"),
        ],
    )
    def test_wrong_ones_are_refused(self, name, value, message):
        with pytest.raises(lakebed.InvalidArgument, match=message):
            model_options.checked({name: value})

    def test_words_without_equals_are_refused(self):
        with pytest.raises(lakebed.InvalidArgument, match="NAME=VALUE"):
            model_options.from_words(("temperature",))

    def test_keep_alive_is_a_number_or_a_duration(self):
        given = {"-1": -1, "5": 5, " 0 ": 0, "1.5": 1.5, "10m": "10m", "1h30m": "1h30m", "-1s": "-1s", "1.5h": "1.5h"}
        assert {text: model_options.keep_alive(text) for text in given} == given
        assert [model_options.keep_alive(one) for one in (None, 300, -1.0, 2.5)] == [None, 300, -1, 2.5]
        refused: list[object] = [
            "forever",
            "",
            "10 m",
            "10min",
            "1d",
            "nan",
            "inf",
            float("nan"),
            float("inf"),
            True,
            [],
            "1e3",
        ]
        for wrong in refused:
            with pytest.raises(lakebed.InvalidArgument, match="keep_alive is a number of seconds or a duration"):
                model_options.keep_alive(wrong)

    def test_think(self):
        assert [model_options.think(one) for one in (None, True, "on", "off", "high")] == [
            None,
            True,
            True,
            False,
            "high",
        ]
        with pytest.raises(lakebed.InvalidArgument, match="think is one of"):
            model_options.think("hard")


class TestAddresses:
    @pytest.mark.parametrize(
        ("host", "url"),
        [
            ("", "http://127.0.0.1:11434"),
            ("  'example.com'  ", "http://example.com:11434"),
            ("example.com:80", "http://example.com:80"),
            ("http://example.com", "http://example.com:80"),
            ("https://example.com", "https://example.com:443"),
            ("https://example.com:8443/ollama/", "https://example.com:8443/ollama"),
            ("0.0.0.0", "http://127.0.0.1:11434"),
            (":5000", "http://127.0.0.1:5000"),
            ("[::]:1234", "http://[::1]:1234"),
            ("::1", "http://[::1]:11434"),
            ("[2001:db8::1]", "http://[2001:db8::1]:11434"),
            ("ollama.com", "https://ollama.com:443"),
            ("http://0", "http://127.0.0.1:80"),
            ("0:11434", "http://127.0.0.1:11434"),
            ("127.1", "http://127.0.0.1:11434"),
            ("http://2130706433:8080", "http://127.0.0.1:8080"),
            ("0x7f.0.0.1", "http://127.0.0.1:11434"),
            ("192.168.257", "http://192.168.1.1:11434"),
            ("[fe80::1%eth0]", "http://[fe80::1]:11434"),
            ("http://[fe80::1%25eth0]:8080/x", "http://[fe80::1]:8080/x"),
            ("fe80::1%2", "http://[fe80::1]:11434"),
            ("http://v1.example.com", "http://v1.example.com:80"),
        ],
    )
    def test_hosts_are_read_as_ollama_reads_them(self, host, url):
        assert address(None, {"OLLAMA_HOST": host}).url == url
        assert address(host, {}).url == url

    @pytest.mark.parametrize(
        "host",
        [
            "ftp://x",
            "http://x:99999",
            "http://x:y",
            "a b",
            "http://x/a?b",
            "x\ny",
            "1.2.3.4.5",
            "256.1.1.1",
            "127.0.0.256",
            "[fe80::1%]",
            "[fe80::1%a b]",
            "[fe80]",
            "https://[fe80::1%eth0]",
            "http://localhost:11434/v1",
            "https://host/api/v1/",
            "http://localhost:8080/v1/chat/completions",
        ],
    )
    def test_what_is_no_address_is_refused(self, host):
        with pytest.raises(lakebed.InvalidArgument, match=r"address|port"):
            address(host, {})

    def test_credentials_are_sent_to_named_hosts_and_never_shown(self):
        assert address(None, {"OLLAMA_API_KEY": "k"}).headers == {}
        assert address("h", {"OLLAMA_API_KEY": "k"}).headers == {"Authorization": "Bearer k"}
        found = address("https://me:pa%40ss@h", {"OLLAMA_API_KEY": "k"})
        assert found.headers == {"Authorization": "Basic bWU6cGFAc3M="}
        assert "pa" not in repr(found)
        with pytest.raises(lakebed.InvalidArgument) as caught:
            address("http://me:secret@h:port", {})
        assert "secret" not in str(caught.value)

    def test_what_runs_elsewhere(self):
        here = [
            "127.0.0.1",
            "[::1]",
            "localhost",
            "LOCALHOST:80",
            "a.localhost",
            "127.1",
            "http://0",
            "[::ffff:127.0.0.1]",
        ]
        assert all(address(host, {}).is_loopback and address(host, {}).is_direct for host in here)
        link = ["[fe80::1%eth0]", "fe80::1", "169.254.1.1"]
        assert all(address(host, {}).is_direct and not address(host, {}).is_loopback for host in link)
        away = ["example.com", "10.0.0.1", "[2001:db8::1]", "localhost.example.com"]
        assert not any(address(host, {}).is_direct for host in away)
        assert address("https://api.ollama.com", {}).is_cloud
        names = {"gpt-oss:120b-cloud": True, "x:cloud": True, "cloud": False, "my-cloud": False, "x:7b": False}
        assert {name: is_cloud_name(name) for name in names} == names
        assert is_cloud_name("Library/GPT-OSS:120B-Cloud")

    def test_names_are_compared_as_ollama_compares_them(self):
        same = [
            "m",
            "M:latest",
            "library/m",
            "Registry.Ollama.ai/library/M:LATEST",
            "https://registry.ollama.ai/library/m",
        ]
        assert len({name_key(name) for name in same}) == 1
        others = ["m", "m:7b", "me/m", "host/me/m", "host/library/m", "me/m:7b"]
        assert len({name_key(name) for name in others}) == len(others)
        full_names = {
            "a": "a:latest",
            "a:7b": "a:7b",
            "host:1/a": "host:1/a:latest",
            "host:1/a:b": "host:1/a:b",
            "Library/A": "A:latest",
            "registry.ollama.ai/me/a:b": "me/a:b",
            "hf.co/me/A-GGUF:Q4_K_M": "hf.co/me/A-GGUF:Q4_K_M",
        }
        assert {name: full_name(name) for name in full_names} == full_names


class TestRequests:
    @settings(max_examples=50)
    @given(
        st.text(), st.none() | st.text(), st.lists(st.text("0123456789abcdef", min_size=64, max_size=64), max_size=2)
    )
    def test_the_bytes_are_canonical_json(self, prompt, system, images):
        schema = {"type": "object", "properties": {"b": {}, "a": {}}}
        question = RequestSettings("m:latest", "d" * 64, schema, {"temperature": 0.5, "num_ctx": 8}, "high", "10m")
        data = RequestBuilder(question).request(user_message(prompt, system, images))
        value = json.loads(data)
        assert data == canonical(value).encode()
        assert set(value) == {"model", "messages", "format", "options", "think"}
        assert value["messages"][-1]["content"] == prompt
        assert value["messages"][0]["role"] == ("system" if system else "user")
        body = json.loads(
            RequestBuilder(question).body(user_message(prompt, system, images), lambda name: name.encode())
        )
        assert body["model"] == "m:latest"
        assert (body["stream"], body["truncate"], body["keep_alive"]) == (True, False, "10m")
        assert len(body["messages"][-1].get("images", [])) == len(images)

    def test_what_the_reply_does_not_depend_on_is_not_in_it(self):
        one = RequestSettings("m:latest", "d" * 64, keep_alive="1m")
        other = RequestSettings("m2:latest", "d" * 64)
        newer = RequestSettings("m:latest", "e" * 64)
        data = [RequestBuilder(question).request(user_message("x")) for question in (one, other, newer)]
        assert data[0] == data[1] != data[2]
        assert without_digest(data[0]) == without_digest(data[2])


class TestSchemas:
    SCHEMA: ClassVar = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}

    def test_replies_are_checked(self):
        form = ReplyFormat(self.SCHEMA)
        assert form.value('{"n": 1}', cut=False) == {"n": 1}
        wrong = {
            '{"n": "1"}': "not of type 'integer'",
            "{}": "'n' is a required property",
            "Sure!": "no JSON",
            "NaN": "no JSON",
        }
        for text, message in wrong.items():
            with pytest.raises(lakebed.ReplyInvalid, match=message):
                form.value(text, cut=False)
        with pytest.raises(lakebed.ReplyInvalid, match="stopped by num_predict"):
            form.value('{"n', cut=True)
        assert ReplyFormat("json").value("[1]", cut=False) == [1]

    def test_a_wrong_schema_is_refused_and_nothing_is_fetched(self):
        with pytest.raises(lakebed.InvalidArgument, match="no valid JSON schema"):
            ReplyFormat({"type": "objekt"})
        with pytest.raises(lakebed.InvalidArgument, match="JSON schema object"):
            ReplyFormat("xml")
        with pytest.raises(lakebed.InvalidArgument, match="nothing is fetched"):
            ReplyFormat({"$ref": "http://127.0.0.1:9/schema"}).value("{}", cut=False)


def test_the_index_finds_what_was_added_newest_first(monkeypatch):
    monkeypatch.setattr("lakebed.prompts.seq_index._OVERLAY", 100)
    index = SeqIndex()
    known: dict[int, list[int]] = {}
    chance = random.Random(1)
    for seq in range(1_050):
        key = chance.randrange(300)
        index.add(key, seq)
        known.setdefault(key, []).insert(0, seq)
    assert len(index) == 1_050
    assert {key: list(index.find(key)) for key in range(301)} == {key: known.get(key, []) for key in range(301)}


def test_a_bag_of_digests_counts_and_takes_no_halves_for_wholes():
    bag = DigestBag()
    first, second = bytes(8) + b"\0\1aaaaaa", bytes(8) + b"\0\2bbbbbb"
    between = first[8:] + second[:8]
    for digest in (first, second, first):
        bag.add(digest)
    assert between not in bag
    assert not bag.take(between)
    assert [bag.take(first), bag.take(first), bag.take(first), bag.take(second)] == [True, True, False, True]
    assert len(bag) == 0
    many = [digest_of(b"%d" % number) for number in range(5000)]
    for digest in many:
        bag.add(digest)
    assert len(bag) == 5000
    assert all(digest in bag for digest in many)
    assert all(bag.take(digest) for digest in reversed(many))
    assert len(bag) == 0
