package json

import (
	"bytes"
	stdjson "encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
)

// read runs f over text and returns what Finish says.
func read(text string, f func(d *Decoder)) error {
	d := NewDecoder([]byte(text))
	f(d)
	return d.Finish()
}

func TestFaultsNameGotAndWanted(t *testing.T) {
	skip := (*Decoder).Skip
	for _, c := range []struct {
		text string
		read func(d *Decoder)
		want string
	}{
		{``, skip, "got the end of the text, want a JSON value"},
		{`  `, (*Decoder).Object, "got the end of the text, want a JSON object"},
		{`[]`, (*Decoder).Object, "got a JSON array, want a JSON object"},
		{`{"a":1,}`, skip, "at byte 7: got '}', want a member's name"},
		{`{"a":1 "b":2}`, skip, "got a JSON string, want ',' or '}'"},
		{`{"a"}`, skip, "field 'a' at byte 4: got '}', want ':'"},
		{`{a:1}`, skip, "got 'a', want a member's name"},
		{`{"a":[1,2,]}`, skip, "field 'a[1]' at byte 10: got ']', want an array element"},
		{`{"a":[1 2]}`, skip, "got a JSON number, want ',' or ']'"},
		{`{"a":{"b":[{},{"c":tru}]}}`, skip, `field 'a.b[1].c' at byte 19: got "tru}", want true`},
		{`{} {}`, skip, "at byte 3: got a JSON object after the value, want the end of the text"},
		{`"abc`, skip, "got a string without end"},
		{"\"a\nb\"", skip, "at byte 2: got a control character within a string"},
		{`"a\x"`, skip, `got "\\x\"", want an escape such as`},
		{`"\u12g4"`, skip, `want an escape`},
		{`01`, skip, `got "01", want a well-formed JSON number`},
		{`-`, skip, "want a well-formed JSON number"},
		{`1.`, skip, "want a well-formed JSON number"},
		{`+1`, skip, "got '+', want a JSON value"},
		{`"x"`, func(d *Decoder) { d.Int(32) }, `got "x", want a JSON number`},
		{`"NaN"`, func(d *Decoder) { d.Double() }, `got "NaN", want a JSON number`},
		{`1e999`, func(d *Decoder) { d.Double() }, `got "1e999", want a number within the range of a double`},
		{`true`, func(d *Decoder) { d.Double() }, `got a JSON boolean, want a JSON number`},
		{`4294967296`, func(d *Decoder) { d.Uint(32) }, `got "4294967296", want an integer of 32 bits and no sign`},
		{`-1`, func(d *Decoder) { d.Uint(32) }, `want an integer of 32 bits and no sign`},
		{`9223372036854775808`, func(d *Decoder) { d.Int(64) }, `want an integer of 64 bits`},
		{`1e30`, func(d *Decoder) { d.Int(64) }, `want an integer of 64 bits`},
		{`1`, func(d *Decoder) { d.Bool() }, `got a JSON number, want a JSON boolean`},
		{`"yes"`, func(d *Decoder) { d.Bool() }, `got "yes", want true or false`},
		{`1`, func(d *Decoder) { d.Str() }, `got a JSON number, want a JSON string`},
		{`"a?"`, func(d *Decoder) { d.Bytes() }, `got "a?", want base64`},
		{`"YWJjZ?"`, func(d *Decoder) { d.Bytes() }, `want base64`},
		{`"YWJj?"`, func(d *Decoder) { d.Bytes() }, `want base64`},
		{`"` + strings.Repeat("y", 500) + `"`, func(d *Decoder) { d.Bool() }, `…", want true or false`},
	} {
		err := read(c.text, c.read)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.60s:\n got %v\nwant %s", c.text, err, c.want)
		}
		if err != nil && len(err.Error()) > 300 {
			t.Errorf("%.60s: error of %d bytes", c.text, len(err.Error()))
		}
	}
}

func TestValues(t *testing.T) {
	for _, c := range []struct {
		text string
		read func(d *Decoder) any
		want any
	}{
		{` 12 `, func(d *Decoder) any { return d.Int(64) }, int64(12)},
		{`"12"`, func(d *Decoder) any { return d.Int(64) }, int64(12)},
		{`" 12 "`, func(d *Decoder) any { return d.Int(32) }, int64(12)},
		{`1.0`, func(d *Decoder) any { return d.Int(32) }, int64(1)},
		{`-1.9`, func(d *Decoder) any { return d.Int(32) }, int64(-1)},
		{`1e3`, func(d *Decoder) any { return d.Uint(32) }, uint64(1000)},
		{`-0`, func(d *Decoder) any { return d.Uint(32) }, uint64(0)},
		{`-9223372036854775808`, func(d *Decoder) any { return d.Int(64) }, int64(math.MinInt64)},
		{`18446744073709551615`, func(d *Decoder) any { return d.Uint(64) }, uint64(math.MaxUint64)},
		{`5`, func(d *Decoder) any { return d.Double() }, 5.0},
		{`"5e-1"`, func(d *Decoder) any { return d.Double() }, 0.5},
		{`"Infinity"`, func(d *Decoder) any { return d.Double() }, math.Inf(1)},
		{`"-Infinity"`, func(d *Decoder) any { return d.Double() }, math.Inf(-1)},
		{`"true"`, func(d *Decoder) any { return d.Bool() }, true},
		{`false`, func(d *Decoder) any { return d.Bool() }, false},
		{`"YWI="`, func(d *Decoder) any { return string(d.Bytes()) }, "ab"},
		{`""`, func(d *Decoder) any { return d.Bytes() != nil }, true},
		{`"a\u00e9\ud83d\ude00\/\n"`, func(d *Decoder) any { return d.Str() }, "aé😀/\n"},
		{`"\ud83dx"`, func(d *Decoder) any { return d.Str() }, "\uFFFDx"},
		{`"\ud83d\u0041"`, func(d *Decoder) any { return d.Str() }, "\uFFFDA"},
		{"\"\xff\"", func(d *Decoder) any { return d.Str() }, "\uFFFD"},
		{`null`, func(d *Decoder) any { return d.OptString() == nil }, true},
		{`null`, func(d *Decoder) any { return d.OptInt64() == nil }, true},
	} {
		var got any
		if err := read(c.text, func(d *Decoder) { got = c.read(d) }); got != c.want || err != nil {
			t.Errorf("%s: got %v, %v, want %v", c.text, got, err, c.want)
		}
	}
}

// A list skips its nulls, takes a bare value as a list of one, and null as empty.
func TestLists(t *testing.T) {
	for text, want := range map[string]string{
		`["a","b"]`: "ab", `["a",null,"b",null]`: "ab", `[null]`: "", `[]`: "", `"a"`: "a", `null`: "", ` [ "a" , "b" ] `: "ab",
	} {
		got := ""
		if err := read(text, func(d *Decoder) {
			for d.Array(); d.More(); {
				got += d.Str()
			}
		}); err != nil || got != want {
			t.Errorf("%s: got %q, %v, want %q", text, got, err, want)
		}
	}
}

// Five million brackets must neither overflow a stack nor take long: the 201st is
// the last one looked at.
func TestDepth(t *testing.T) {
	for _, open := range []string{"[", `{"a":`} {
		deep := []byte(strings.Repeat(open, 5_000_000))
		for name, f := range map[string]func(d *Decoder){"skip": (*Decoder).Skip, "lists": lists} {
			d := NewDecoder(deep)
			f(d)
			err := d.Finish()
			if !errors.Is(err, ErrDepth) || !strings.Contains(err.Error(), "nested deeper than 200 levels") {
				if name == "skip" || open == "[" {
					t.Errorf("%s of %s: %v", name, open, err)
				}
			}
			if d.pos > 201*len(open) {
				t.Errorf("%s of %s: read %d bytes", name, open, d.pos)
			}
		}
	}
	for depth, ok := range map[int]bool{MaxDepth: true, MaxDepth + 1: false} {
		text := strings.Repeat("[", depth) + strings.Repeat("]", depth)
		if err := read(text, (*Decoder).Skip); (err == nil) != ok {
			t.Errorf("depth %d: %v", depth, err)
		}
	}
}

func lists(d *Decoder) {
	for d.Array(); d.More(); {
		lists(d)
	}
}

func TestMissingIsBounded(t *testing.T) {
	d := NewDecoder([]byte("[" + strings.Repeat("{},", 99_999) + "{}]"))
	for d.Array(); d.More(); {
		for d.Object(); d.Next(); {
		}
		d.Missing("value")
	}
	missing := new(MissingError)
	if err := d.Finish(); !errors.As(err, &missing) || !missing.More || len(missing.Paths) != maxMissing || missing.Paths[2] != "[2].value" {
		t.Fatalf("got %.200v", err)
	}
	if d.pos > 100 {
		t.Errorf("read on to byte %d", d.pos)
	}
}

func TestObjectsAreBounded(t *testing.T) {
	text := []byte("[" + strings.Repeat("{},", MaxObjects) + "{}]")
	d := NewDecoder(text)
	d.Skip()
	if err := d.Finish(); !errors.Is(err, ErrTooMany) {
		t.Error(err)
	}
	d.Reset(text)
	d.Unlimited()
	d.Skip()
	if err := d.Finish(); err != nil {
		t.Error(err)
	}
}

func TestLongPathsAreCut(t *testing.T) {
	err := read(strings.Repeat(`{"`+strings.Repeat("k", 100)+`":`, 190)+"?", (*Decoder).Skip)
	if err == nil || len(err.Error()) > 1000 {
		t.Errorf("error of %d bytes", len(err.Error()))
	}
}

func TestDecoderDoesNotAllocate(t *testing.T) {
	text := []byte(`{"a":[1,2.5,"x\ny",{"b":null}],"täg":"\u00e9 escaped","n":"12"}`)
	d := NewDecoder(nil)
	if n := testing.AllocsPerRun(100, func() {
		d.Reset(text)
		for d.Object(); d.Next(); {
			switch string(d.Key()) {
			case "n":
				d.Int(64)
			default:
				d.Skip()
			}
		}
		if d.Finish() != nil {
			t.Fatal(d.Err())
		}
	}); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

// FuzzSyntax: this package and encoding/json agree on what JSON is.
func FuzzSyntax(f *testing.F) {
	for _, s := range []string{
		`{"a":[1,2.5e-3,"x\u00e9",{"b":null}],"c":true}`, `[]`, `[1,]`, `{"a":1,}`, `{,}`, `[,1]`, `"\ud800"`, `-0.0e+1`, `01`, "\"\x01\"", `nul`, ` `, `{"a":}`,
		`{"a" 1}`, `tru`, `"a`, `"\`, `"\u12`, `[1 2]`, `{"a":1}}`, "\ufeff{}", "\"\xff\"", strings.Repeat("[", 250), `+1`, `.5`, `1.`, `1e`, `--1`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		d := NewDecoder(text)
		d.Skip()
		err := d.Finish()
		if errors.Is(err, ErrDepth) {
			return
		}
		if want := stdjson.Valid(text); (err == nil) != want {
			t.Fatalf("%q: got %v, encoding/json says %v", text, err, want)
		}
	})
}

// FuzzValues: any reader on any text ends with a value or an error, and strings come
// out as encoding/json reads them.
func FuzzValues(f *testing.F) {
	for _, s := range []string{`"12"`, `1e3`, `"Infinity"`, `-1.5`, `"true"`, `"YQ=="`, `"\ud83d\ude00"`, `null`, `[null,"a"]`, `{"seconds":1,"nanos":"2"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, f := range []func(d *Decoder){
			func(d *Decoder) { d.Int(32) }, func(d *Decoder) { d.Int(64) }, func(d *Decoder) { d.Uint(32) }, func(d *Decoder) { d.Uint(64) },
			func(d *Decoder) { d.Double() }, func(d *Decoder) { d.Bool() }, func(d *Decoder) { d.Bytes() }, func(d *Decoder) { d.Duration() }, lists,
		} {
			d := NewDecoder(text)
			f(d)
			if err := d.Finish(); err == nil && !stdjson.Valid(text) {
				t.Fatalf("%q was taken", text)
			}
		}
		d := NewDecoder(text)
		got := d.Str()
		var want string
		if d.Finish() == nil {
			if err := stdjson.Unmarshal(text, &want); err != nil || got != want {
				t.Fatalf("%q: got %q, want %q, %v", text, got, want, err)
			}
		}
	})
}

func BenchmarkSkip(b *testing.B) {
	text := []byte(`{"resources":[` + strings.Repeat(`{"name":"cpus","type":"SCALAR","scalar":{"value":0.5}},`, 20) + `{}]}`)
	b.SetBytes(int64(len(text)))
	d := NewDecoder(nil)
	for b.Loop() {
		d.Reset(text)
		d.Skip()
	}
}

func BenchmarkAppendString(b *testing.B) {
	for _, s := range []string{"cpus", "a74573bb-db6f-4a00-8e73-4329cbd1ffe4-S0", strings.Repeat("line of a log\n", 20)} {
		b.Run(s[:4], func(b *testing.B) {
			b.SetBytes(int64(len(s)))
			buf := bytes.NewBuffer(nil).AvailableBuffer()
			for b.Loop() {
				buf = AppendString(buf[:0], s)
			}
		})
	}
}
