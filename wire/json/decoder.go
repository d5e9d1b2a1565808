package json

import "math"

// MaxDepth is how deep objects and arrays may nest, as in Mesos.
const MaxDepth = 200

// MaxObjects is how many objects and arrays a text may hold, unless the reader lifts
// the limit. Three bytes of text, "{},", can become a hundred bytes of message: without
// a limit a body of 16 MiB would fill a gigabyte.
const MaxObjects = 1 << 20

// Decoder pulls values out of one JSON text. It is meant to be reused (Reset): it is
// several kilobytes large, and its scratch buffers grow to what they once needed.
//
// The zero value is ready for Reset. A Decoder belongs to one goroutine.
type Decoder struct {
	data    []byte
	pos     int
	err     error
	key     []byte // the current member's key, unescaped; aliases data or scratch
	scratch []byte
	missing *MissingError
	objects int // how many more may come
	depth   int
	frames  [MaxDepth + 1]frame // frames[1:depth+1] are the open objects and arrays
}

// frame is one open object or array.
type frame struct {
	keyStart, keyEnd uint32 // of the current key within data, objects only
	count            uint32 // members or elements begun
	list             bool
	bare             bool // a list that is a single value without brackets
	empty            bool // a list that was null
}

// NewDecoder returns a Decoder at the start of data, which must not change meanwhile.
func NewDecoder(data []byte) *Decoder {
	d := new(Decoder)
	d.Reset(data)
	return d
}

// Reset makes d read data from its start. Reset(nil) lets go of the last text.
func (d *Decoder) Reset(data []byte) {
	d.data, d.pos, d.err, d.key, d.missing, d.depth = data, 0, nil, nil, nil, 0
	d.objects = MaxObjects
	if cap(d.scratch) > 64<<10 {
		d.scratch = nil // one long escaped string must not stay for ever
	}
	if len(data) > math.MaxInt32 {
		d.fail(0, "text longer than 2 GiB", nil)
	}
}

// Unlimited lifts MaxObjects until the next Reset, for a text from a peer we trust.
func (d *Decoder) Unlimited() { d.objects = math.MaxInt }

// Err returns the first fault, if any. Missing required fields are told by Finish.
func (d *Decoder) Err() error { return d.err }

// Finish reports the first fault, text after the value, or missing required fields.
func (d *Decoder) Finish() error {
	if d.err == nil {
		if d.peek(); d.pos < len(d.data) {
			d.fail(d.pos, "got "+d.kind()+" after the value, want the end of the text", nil)
		}
	}
	if d.err == nil && d.missing != nil {
		return d.missing
	}
	return d.err
}

// Missing notes that the object just left lacks a required field.
func (d *Decoder) Missing(field string) {
	if d.err != nil {
		return
	}
	if d.missing == nil {
		d.missing = new(MissingError)
	}
	if p := d.path(); p != "" {
		field = p + "." + field
	}
	if !d.missing.Add(field) {
		d.err = d.missing
	}
}

// peek skips white space and returns the next byte, 0 at the end.
func (d *Decoder) peek() byte {
	for i := d.pos; i < len(d.data); i++ {
		switch c := d.data[i]; c {
		case ' ', '\t', '\n', '\r':
		default:
			d.pos = i
			return c
		}
	}
	d.pos = len(d.data)
	return 0
}

func (d *Decoder) push() *frame {
	if d.depth == MaxDepth {
		d.fail(d.pos, "nested deeper than 200 levels", ErrDepth)
		return nil
	}
	if d.objects--; d.objects < 0 {
		d.fail(d.pos, "more than 1048576 objects and arrays", ErrTooMany)
		return nil
	}
	d.depth++
	f := &d.frames[d.depth]
	*f = frame{}
	return f
}

// Object enters an object; Next then walks its members:
//
//	for d.Object(); d.Next(); { switch string(d.Key()) { … default: d.Skip() } }
func (d *Decoder) Object() {
	if d.err != nil {
		return
	}
	if d.peek() != '{' {
		d.failKind("a JSON object")
		return
	}
	if d.push() != nil {
		d.pos++
	}
}

// Next moves to the next member's value, or leaves the object and returns false.
func (d *Decoder) Next() bool {
	if d.err != nil {
		return false
	}
	c := d.peek()
	f := &d.frames[d.depth]
	if c == '}' {
		d.pos++
		d.depth--
		return false
	}
	if f.count > 0 {
		if c != ',' {
			d.failKind("',' or '}'")
			return false
		}
		d.pos++
		c = d.peek()
	}
	if c != '"' {
		d.failKind("a member's name")
		return false
	}
	f.count++
	f.keyStart = uint32(d.pos + 1)
	f.keyEnd = f.keyStart
	d.key = d.text()
	if d.err != nil {
		return false
	}
	f.keyEnd = uint32(d.pos - 1)
	if d.peek() != ':' {
		d.failKind("':'")
		return false
	}
	d.pos++
	return true
}

// Key is the name of the member Next moved to, valid until the next call of d.
func (d *Decoder) Key() []byte { return d.key }

// Array enters a repeated field; More then walks its elements. A null counts as an
// empty list, and any other value that is no array as a list of itself.
func (d *Decoder) Array() {
	if d.err != nil {
		return
	}
	c := d.peek()
	f := d.push()
	if f == nil {
		return
	}
	f.list = true
	switch c {
	case '[':
		d.pos++
	case 'n':
		d.literal("null")
		f.empty = true
	default:
		f.bare = true
	}
}

// More moves to the next element that is not null, or leaves the array and returns false.
func (d *Decoder) More() bool {
	for {
		if d.err != nil {
			return false
		}
		f := &d.frames[d.depth]
		if f.empty || (f.bare && f.count > 0) {
			d.depth--
			return false
		}
		if !f.bare && !d.element(f) {
			return false
		}
		f.count++
		if d.Some() {
			return true
		}
	}
}

// element steps over '[' or ',' to an element of a bracketed list, or over ']'.
func (d *Decoder) element(f *frame) bool {
	c := d.peek()
	if c == ']' && !f.empty {
		d.pos++
		d.depth--
		return false
	}
	if f.count > 0 {
		if c != ',' {
			d.failKind("',' or ']'")
			return false
		}
		d.pos++
		if d.peek() == ']' {
			d.failKind("an array element")
			return false
		}
	}
	return true
}

// Some reports whether the value is something other than null, which it steps over.
func (d *Decoder) Some() bool {
	if d.err != nil {
		return false
	}
	if d.peek() == 'n' {
		d.literal("null")
		return false
	}
	return true
}

// Skip steps over one value of any kind, checking its syntax and depth.
func (d *Decoder) Skip() {
	if d.err != nil {
		return
	}
	switch d.peek() {
	case '{':
		for d.Object(); d.Next(); {
			d.Skip()
		}
	case '[':
		d.skipArray()
	case '"':
		d.text()
	case 't':
		d.literal("true")
	case 'f':
		d.literal("false")
	case 'n':
		d.literal("null")
	default:
		d.number("a JSON value")
	}
}

func (d *Decoder) skipArray() {
	f := d.push()
	if f == nil {
		return
	}
	f.list = true
	d.pos++
	for d.err == nil && d.element(f) {
		f.count++
		d.Skip()
	}
}

func (d *Decoder) literal(word string) bool {
	if end := d.pos + len(word); end <= len(d.data) && string(d.data[d.pos:end]) == word {
		d.pos = end
		return true
	}
	end := min(d.pos+len(word), len(d.data))
	d.failLiteral(d.pos, d.data[d.pos:end], word)
	return false
}

// number steps over a number and returns its text.
func (d *Decoder) number(want string) (tok []byte, integer bool) {
	start := d.pos
	end, integer := scanNumber(d.data, start)
	if end == start {
		if start < len(d.data) && (d.data[start] == '-' || d.data[start]-'0' <= 9) {
			d.failLiteral(start, d.data[start:min(start+16, len(d.data))], "a well-formed JSON number")
		} else {
			d.failKind(want)
		}
		return nil, false
	}
	d.pos = end
	return d.data[start:end], integer
}
