package httpd

import (
	"bytes"
)

// Bounds on chunked request bodies. Chunk extensions carry nothing that Caprock
// reads; a sender of many is wasting our time or probing.
const (
	maxChunkLine     = 256     // one chunk-size line with its extension
	maxChunkExtTotal = 4 << 10 // all extensions of one body
	maxTrailerBytes  = 4 << 10 // all trailer lines of one body
)

// framer follows the framing of the requests on one connection and finds what
// must not reach the parser. It is pure: bytes in, number of harmless bytes out.
//
// It never gets out of step with the parser behind it: where a length or a
// chunk could be read in two ways, it refuses.
type framer struct {
	maxHeader int
	maxBody   int

	phase framePhase
	// carry holds the part of a line whose end has not arrived; nil on the
	// usual path, where a header arrives in one read.
	carry []byte
	// left counts body or chunk bytes (with the CRLF after a chunk) still to come.
	left int64
	// headerBytes, extBytes, trailerBytes, bodyBytes are sums of this request.
	headerBytes  int
	extBytes     int
	trailerBytes int
	bodyBytes    int64
	hasLength    bool
	chunked      bool
	// streams: a chunked body of records is left for the handler (see Incoming).
	streams  bool
	recordIO bool

	refusal *Refusal
}

type framePhase uint8

const (
	atRequestLine framePhase = iota
	atHeader
	inBody
	atChunkSize
	inChunk
	atTrailer
	// atIncoming: the header of a request is over whose body is not the parser's.
	atIncoming
)

// accept examines the next bytes of the connection and returns how many of them
// the parser may see. When that is fewer than all, f.refusal says why, the
// missing bytes belong to a message that is not whole, and the connection is
// of no further use.
func (f *framer) accept(p []byte) int {
	if f.refusal != nil {
		return 0
	}
	for pos := 0; pos < len(p); {
		if f.phase == atIncoming {
			return pos
		}
		if f.phase == inBody || f.phase == inChunk {
			pos += f.skip(int64(len(p) - pos))
			continue
		}
		i := bytes.IndexByte(p[pos:], '\n')
		if i < 0 {
			f.carryOver(p[pos:])
			if f.refusal != nil {
				return pos
			}
			return len(p)
		}
		line := p[pos : pos+i]
		if len(f.carry) > 0 {
			f.carry = append(f.carry, line...)
			line = f.carry
		}
		f.line(line)
		f.carry = f.carry[:0]
		if f.refusal != nil {
			// Without its line feed the line is not complete, so the parser
			// cannot act on it; it reports the error of the next read.
			return pos + i
		}
		pos += i + 1
	}
	return len(p)
}

// atStart reports whether the next byte is the first of a request.
func (f *framer) atStart() bool {
	return f.phase == atRequestLine && f.headerBytes == 0 && len(f.carry) == 0
}

// skip consumes up to n bytes of a body or chunk.
func (f *framer) skip(n int64) int {
	n = min(n, f.left)
	f.left -= n
	if f.left == 0 {
		if f.phase == inBody {
			f.next()
		} else {
			f.phase = atChunkSize
		}
	}
	return int(n)
}

// next makes ready for the next request of the connection.
func (f *framer) next() {
	*f = framer{maxHeader: f.maxHeader, maxBody: f.maxBody, streams: f.streams, carry: f.carry[:0]}
}

// carryOver keeps the beginning of a line, if it may still become a good one.
func (f *framer) carryOver(part []byte) {
	limit := f.maxHeader - f.headerBytes
	switch f.phase {
	case atChunkSize:
		limit = maxChunkLine
	case atTrailer:
		limit = maxTrailerBytes - f.trailerBytes
	}
	if len(f.carry)+len(part) > limit {
		f.tooLong()
		return
	}
	f.carry = append(f.carry, part...)
}

func (f *framer) tooLong() {
	switch f.phase {
	case atChunkSize:
		f.refuse(400, "got a chunk-size line of more than %d bytes, wanted a length and little else", maxChunkLine)
	case atTrailer:
		f.refuse(400, "got more than %d bytes of trailers, wanted none", maxTrailerBytes)
	default:
		f.refuse(431, "got a request header of more than %d bytes, wanted at most that", f.maxHeader)
	}
}

func (f *framer) refuse(status int, format string, args ...any) {
	f.refusal = Refusef(status, format, args...)
}

// line examines one line, without its line feed.
func (f *framer) line(line []byte) {
	n := len(line)
	if n == 0 || line[n-1] != '\r' {
		f.refuse(400, "got a line that ends in LF alone, wanted CR LF")
		return
	}
	line = line[:n-1]
	switch f.phase {
	case atRequestLine:
		f.requestLine(line)
	case atHeader:
		f.headerLine(line)
	case atChunkSize:
		f.chunkLine(line)
	case atTrailer:
		f.trailerLine(line)
	}
}

func (f *framer) requestLine(line []byte) {
	f.headerBytes += len(line) + 2
	if f.headerBytes > f.maxHeader {
		f.tooLong()
		return
	}
	n := len(line)
	if n == 0 {
		return // RFC 9112 2.2: empty lines before a request are ignored
	}
	f.phase = atHeader
	// " HTTP/1.1" ends the line. What else is wrong with it the parser says.
	if n >= 9 && line[n-2] == '.' && string(line[n-9:n-3]) == " HTTP/" {
		if line[n-3] != '1' {
			f.refuse(505, "got protocol %q, wanted HTTP/1.1", line[n-8:])
		}
		return
	}
	f.refuse(400, "got request line %q, wanted METHOD SP target SP HTTP/1.1", clip(line))
}

func (f *framer) headerLine(line []byte) {
	f.headerBytes += len(line) + 2
	if f.headerBytes > f.maxHeader {
		f.tooLong()
		return
	}
	if len(line) == 0 {
		f.endOfHeader()
		return
	}
	switch line[0] {
	case ' ', '\t':
		f.refuse(400, "got a header folded over two lines, wanted one line for each")
	case 'c', 'C':
		if v, ok := headerValue(line, "content-length"); ok {
			f.contentLength(v)
		} else if v, ok := headerValue(line, "content-type"); ok && f.streams {
			f.recordIO = equalFold(v, "application/recordio")
		}
	case 't', 'T':
		if v, ok := headerValue(line, "transfer-encoding"); ok {
			f.transferEncoding(v)
		}
	case 'e', 'E':
		if v, ok := headerValue(line, "expect"); ok && !equalFold(v, "100-continue") {
			f.refuse(417, "got expectation %q, wanted 100-continue or none", clip(v))
		}
	case 'h', 'H':
		if v, ok := headerValue(line, "host"); ok {
			f.host(v)
		}
	}
}

// host refuses a Host that is more than host and port: what follows an "@" or
// a "/" there is read differently by different programs.
func (f *framer) host(v []byte) {
	for _, c := range v {
		if c <= ' ' || c >= 0x7f || c == '/' || c == '@' || c == '?' || c == '#' || c == '\\' || c == ',' {
			f.refuse(400, "got Host %q, wanted host or host:port", clip(v))
			return
		}
	}
}

func (f *framer) contentLength(v []byte) {
	if f.chunked {
		f.refuseBoth()
		return
	}
	if f.hasLength {
		f.refuse(400, "got Content-Length twice, wanted it once")
		return
	}
	if len(v) == 0 || len(v) > 18 {
		f.refuse(400, "got Content-Length %q, wanted up to 18 digits", clip(v))
		return
	}
	var n int64
	for _, c := range v {
		if c < '0' || c > '9' {
			f.refuse(400, "got Content-Length %q, wanted decimal digits", clip(v))
			return
		}
		n = n*10 + int64(c-'0')
	}
	if n > int64(f.maxBody) {
		f.refuseBody(n)
		return
	}
	f.hasLength, f.left = true, n
}

func (f *framer) transferEncoding(v []byte) {
	switch {
	case f.hasLength:
		f.refuseBoth()
	case f.chunked:
		f.refuse(400, "got Transfer-Encoding twice, wanted it once")
	case equalFold(v, "chunked"):
		f.chunked = true
	case equalFold(v, "identity"), len(v) == 0:
		f.refuse(400, "got Transfer-Encoding %q, wanted chunked or none", clip(v))
	default:
		f.refuse(501, "got Transfer-Encoding %q, wanted chunked or none", clip(v))
	}
}

func (f *framer) refuseBoth() {
	f.refuse(400, "got both Content-Length and Transfer-Encoding, wanted one of them")
}

func (f *framer) refuseBody(n int64) {
	f.refuse(413, "got a body of %d bytes, wanted at most %d", n, f.maxBody)
}

func (f *framer) endOfHeader() {
	switch {
	case f.chunked && f.recordIO:
		f.phase = atIncoming
	case f.chunked:
		f.phase = atChunkSize
	case f.left > 0:
		f.phase = inBody
	default:
		f.next()
	}
}

// chunkLine reads "<hex>[;extension]".
func (f *framer) chunkLine(line []byte) {
	if len(line) > maxChunkLine {
		f.tooLong()
		return
	}
	var n int64
	i := 0
	for ; i < len(line); i++ {
		d, ok := hexDigit(line[i])
		if !ok {
			break
		}
		n = n<<4 | int64(d)
	}
	if i == 0 || i > 15 {
		f.refuse(400, "got chunk size %q, wanted 1 to 15 hexadecimal digits", clip(line))
		return
	}
	f.extBytes += len(line) - i
	if f.extBytes > maxChunkExtTotal {
		f.refuse(400, "got more than %d bytes of chunk extensions, wanted none", maxChunkExtTotal)
		return
	}
	if !goodChunkExt(line[i:]) {
		f.refuse(400, "got chunk size %q, wanted a length, or a length and ;name=value", clip(line))
		return
	}
	if n == 0 {
		f.phase = atTrailer
		return
	}
	f.bodyBytes += n
	if f.bodyBytes > int64(f.maxBody) {
		f.refuse(413, "got a body of %d bytes or more, wanted at most %d", f.bodyBytes, f.maxBody)
		return
	}
	f.phase, f.left = inChunk, n+2
}

func (f *framer) trailerLine(line []byte) {
	f.trailerBytes += len(line) + 2
	switch {
	case len(line) == 0:
		f.next()
	case f.trailerBytes > maxTrailerBytes:
		f.tooLong()
	case line[0] == ' ' || line[0] == '\t':
		f.refuse(400, "got a trailer folded over two lines, wanted one line for each")
	}
}

// goodChunkExt reports whether ext is empty or ";name[=value]…".
func goodChunkExt(ext []byte) bool {
	if len(ext) == 0 {
		return true
	}
	if ext[0] != ';' || len(ext) < 2 || !isToken(ext[1]) {
		return false
	}
	for _, c := range ext {
		if c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

func isToken(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' ||
		bytes.IndexByte([]byte("!#$%&'*+-.^_`|~"), c) >= 0
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10, true
	}
	return 0, false
}

// headerValue returns the value of line, blanks trimmed, if its name is the
// given lower-case one. "Name :" is not that name; the parser refuses it.
func headerValue(line []byte, name string) ([]byte, bool) {
	if len(line) <= len(name) || line[len(name)] != ':' || !equalFold(line[:len(name)], name) {
		return nil, false
	}
	return bytes.Trim(line[len(name)+1:], " \t"), true
}

// equalFold compares b with a lower-case ASCII name.
func equalFold(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i := range b {
		c := b[i]
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// clip shortens what a peer sent, for a text that goes back to it.
func clip(b []byte) []byte {
	if len(b) > 64 {
		return b[:64]
	}
	return b
}
