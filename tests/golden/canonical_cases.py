"""JSON texts and their canonical form, written by hand; or why they are none."""

from __future__ import annotations

from typing import Final

from tests.golden.byte_values import Written, raw, repeated

_NINES: Final = "9" * 100

ACCEPTED: Final[dict[str, tuple[Written, Written]]] = {
    "literals": ('[true, false, null, "", {}, []]', '[true,false,null,"",{},[]]'),
    "a string alone": ('"a"', '"a"'),
    "a number alone": ("7", "7"),
    "null alone": ("null", "null"),
    "white space around and between": (' \t\r\n{ "a"\n:\t[ 1 ,\r2 ] } \n', '{"a":[1,2]}'),
    "escapes that stay": (
        '"\\u0022\\u005c\\u0008\\u0009\\u000A\\u000c\\u000d"',
        '"\\"\\\\\\b\\t\\n\\f\\r"',
    ),
    "escapes that go": ('"\\/\\u0041\\u00e9\\u20AC\\uD83D\\uDE00"', '"/Aé€😀"'),
    "control characters in lower hex": (
        '"\\u0000\\u0001\\u000B\\u000e\\u001A\\u001F"',
        '"\\u0000\\u0001\\u000b\\u000e\\u001a\\u001f"',
    ),
    "characters that stand as they are": (
        '"\x7f\x80\u2028\u2029\ufeff\uffff<>&\'"',
        '"\x7f\x80\u2028\u2029\ufeff\uffff<>&\'"',
    ),
    "an escaped backslash before a u": ('"\\\\ud800"', '"\\\\ud800"'),
    "normalization forms are kept apart": ('["\u00e9", "e\u0301"]', '["\u00e9","e\u0301"]'),
    "members in UTF-16 order": (
        '{"\u20ac": 1, "\\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\u0080": 6, "\u00f6": 7}',
        '{"\\r":2,"1":4,"\u0080":6,"\u00f6":7,"\u20ac":1,"\U0001f600":5,"\ufb33":3}',
    ),
    "a surrogate pair sorts before a private character": (
        '{"\ue000": 1, "\U00010000": 2}',
        '{"\U00010000":2,"\ue000":1}',
    ),
    "members that begin alike": (
        '{"ab": 1, "a": 2, "": 3, "B": 4, "a.b": 5}',
        '{"":3,"B":4,"a":2,"a.b":5,"ab":1}',
    ),
    "members at every level": (
        '{"b": {"d": 1, "c": [{"f": 1, "e": 2}]}, "a": 0}',
        '{"a":0,"b":{"c":[{"e":2,"f":1}],"d":1}}',
    ),
    "members that objects of a language may have": (
        '{"__proto__": 1, "constructor": 2, "toString": 3, "2": 4, "10": 5}',
        '{"10":5,"2":4,"__proto__":1,"constructor":2,"toString":3}',
    ),
    "a member given twice": ('{"a": 1, "b": 2, "a": 3}', '{"a":3,"b":2}'),
    "a member given twice by an escape": ('{"a": 1, "\\u0061": 2}', '{"a":2}'),
    "a member given twice below": (
        '{"x": {"a": [1], "a": {}}, "x": {"a": {"b": 1, "b": null}}}',
        '{"x":{"a":{"b":null}}}',
    ),
    "integers": ("[0, -0, 1, -1, 10, -123456789]", "[0,0,1,-1,10,-123456789]"),
    "integers at the largest safe one": (
        "[9007199254740991, 9007199254740992, 9007199254740993, -9007199254740991, -9007199254740992]",
        '[9007199254740991,"9007199254740992","9007199254740993",-9007199254740991,"-9007199254740992"]',
    ),
    "integers at the 64-bit border": (
        "[9223372036854775807, -9223372036854775808, 18446744073709551616]",
        '["9223372036854775807","-9223372036854775808","18446744073709551616"]',
    ),
    "an integer of 100 digits": (_NINES, f'"{_NINES}"'),
    "fractions and exponents are doubles": (
        "[1.0, 1.50, -0.0, 0e0, -0e5, 1E5, 1e+2, 100e-2, 0.1, 4.35]",
        "[1,1.5,0,0,0,100000,100,1,0.1,4.35]",
    ),
    "doubles where the exponent begins": (
        "[1e20, 1e21, 123456789012345680000.0, 1e-6, 1e-7, 0.00000123]",
        "[100000000000000000000,1e+21,123456789012345680000,0.000001,1e-7,0.00000123]",
    ),
    "doubles at the ends of their range": (
        "[5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, -1.7976931348623157E+308, 1e-400, -1e-400]",
        "[5e-324,2.2250738585072014e-308,1.7976931348623157e+308,-1.7976931348623157e+308,0,0]",
    ),
    "doubles that are infinite keep their literal": (
        "[1e400, -1E+400, 1.7976931348623159e308]",
        '["1e400","-1E+400","1.7976931348623159e308"]',
    ),
    "doubles are the nearest ones": (
        "[333333333.33333329, 9007199254740993.0, 9007199254740992e0, 1e23, 9.5367431640625e-7, 0.30000000000000004]",
        "[333333333.3333333,9007199254740992,9007199254740992,1e+23,9.5367431640625e-7,0.30000000000000004]",
    ),
    "a fraction of 100 characters": ("0." + "1" * 98, "0.1111111111111111"),
    "an exponent of 100 characters": ("1e" + "0" * 97 + "7", "10000000"),
    "nested 128 deep": (repeated("", "[", 128, "]" * 128), repeated("", "[", 128, "]" * 128)),
    "brackets in strings do not nest": (
        repeated('{"a\\"[":"', "[{", 300, '\\""}'),
        repeated('{"a\\"[":"', "[{", 300, '\\""}'),
    ),
    "more brackets than the depth, side by side": (
        repeated("[", "[],", 300, "[]]"),
        repeated("[", "[],", 300, "[]]"),
    ),
}

NOT_UTF8: Final[dict[str, Written]] = {
    "a byte that no text has": raw(b'"\xff"'),
    "a continuation alone": raw(b'"\x80"'),
    "a sequence cut off": raw(b'{"a":"\xe2\x82"}'),
    "an overlong form": raw(b'"\xc0\xaf"'),
    "a surrogate in UTF-8": raw(b'"\xed\xa0\x80"'),
    "beyond the last code point": raw(b'"\xf4\x90\x80\x80"'),
    "bad UTF-8 comes before bad JSON": raw(b"{\xff"),
    "bad UTF-8 behind the value": raw(b"{}\xfe"),
}

NOT_JSON: Final[dict[str, Written]] = {
    "nothing": "",
    "white space only": " \n",
    "a byte order mark": "\ufeff{}",
    "two values": "{} {}",
    "two values joined": '{"a":1}{"b":2}',
    "an object cut off": '{"a":1,',
    "an array cut off": "[1",
    "a string cut off": '"abc',
    "a string that ends in a backslash": '"abc\\"',
    "a comma behind the last item": "[1,]",
    "a comma behind the last member": '{"a":1,}',
    "a member without a value": '{"a"}',
    "a member without quotes": "{a:1}",
    "a member in single quotes": "{'a':1}",
    "a number as a member": "{1:1}",
    "a comment": "[1 /* one */]",
    "NaN": '{"a":NaN}',
    "Infinity": "[Infinity]",
    "minus Infinity": "-Infinity",
    "another literal": "nul",
    "a literal in capitals": "True",
    "a leading zero": "01",
    "a leading zero behind the sign": "-01",
    "a plus sign": "+1",
    "a fraction without a whole": ".5",
    "a fraction without digits": "5.",
    "an exponent without digits": "1e",
    "an exponent with a sign only": "1e+",
    "a sign only": "-",
    "a hexadecimal number": "0x10",
    "digits of another script": "[\u0661]",
    "an underscore in a number": "1_000",
    "a number of 101 characters": "1" * 101,
    "a number of 101 characters with its sign": "-" + "1" * 100,
    "a fraction of 101 characters": "0." + "1" * 99,
    "an exponent of 101 characters": "1e" + "0" * 98 + "7",
    "a long number under a member that is given again": '{"a":' + "1" * 101 + ',"a":1}',
    "nested 129 deep": repeated("", "[", 129, "]" * 129),
    "objects nested 129 deep": repeated("", '{"a":', 129, "1" + "}" * 129),
    "nested a million deep and cut off": repeated("", "[", 1_000_000),
    "a tab in a string": '"a\tb"',
    "a line end in a string": '"a\nb"',
    "a null character in a string": '"\x00"',
    "the last control character in a member": '{"\x1f":1}',
    "an unknown escape": '"\\x41"',
    "an escape of three digits": '"\\u00e"',
    "an escape of other digits": '"\\u00g1"',
    "an escape with a sign": '"\\u+123"',
    "a high surrogate alone": '"\\ud800"',
    "a low surrogate alone": '"\\uDFFF"',
    "two high surrogates": '"\\ud83d\\ud83d"',
    "surrogates the wrong way round": '"\\ude00\\ud83d"',
    "a lone surrogate behind a pair": '"\\ud83d\\ude00\\ude00"',
    "a lone surrogate in a member's name": '{"a":{"\\udc00":1}}',
    "a lone surrogate under a member that is given again": '{"a":"\\ud800","a":1}',
    "a high surrogate and an escaped backslash": '"\\ud83d\\\\ude00"',
    "a no-break space": "\u00a0{}",
    "a form feed": "\x0c{}",
    "a null character behind the value": "{}\x00",
}
