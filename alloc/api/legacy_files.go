package api

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/caprock/caprock/wire/httpd"
	"github.com/caprock/caprock/wire/json"
)

// queryPath reads the path of a file request, or answers 400.
func queryPath(c *httpd.Ctx) (string, bool) {
	path := string(c.Query("path"))
	if path == "" {
		c.ReplyText(400, "Expecting 'path=value' in query.\n")
		return "", false
	}
	return path, true
}

// resolve finds the file behind a virtual path, or answers 404: only the log is there.
func (s *Server) resolve(c *httpd.Ctx, path string) (string, bool) {
	if strings.TrimSuffix(path, "/") != logPath || s.opts.LogFile == "" {
		c.ReplyText(404, "")
		return "", false
	}
	return s.opts.LogFile, true
}

func (s *Server) filesBrowse(c *httpd.Ctx) {
	path, ok := queryPath(c)
	if !ok {
		return
	}
	if _, ok = s.resolve(c, path); ok {
		c.ReplyJSON(200, []byte("[]")) // a file holds no files
	}
}

// filesDownload is /files/download?path=: the whole file. What is appended while
// it is sent is left out.
func (s *Server) filesDownload(c *httpd.Ctx) {
	path, ok := queryPath(c)
	if !ok {
		return
	}
	name, ok := s.resolve(c, path)
	if !ok {
		return
	}
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		c.ReplyText(404, "")
		return
	}
	if err != nil {
		c.ReplyText(500, err.Error())
		return
	}
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		_ = f.Close()
		c.ReplyText(400, "'"+filepath.Base(name)+"' is no file that can be downloaded.\n")
		return
	}
	c.SetReplyHeader("Content-Disposition", "attachment; filename="+filepath.Base(name))
	c.SetContentType("application/octet-stream")
	c.SetBodyStream(f, int(info.Size())) // closes f
}

func (s *Server) filesDebug(c *httpd.Ctx) {
	b := []byte{'{'}
	if s.opts.LogFile != "" {
		b = json.String(b, `"`+logPath+`":`, s.opts.LogFile)
	}
	c.ReplyJSON(200, json.End(b))
}

// filesRead is /files/read?path=&offset=&length=. Without an offset it says how
// long the file is.
func (s *Server) filesRead(c *httpd.Ctx) {
	path, ok := queryPath(c)
	if !ok {
		return
	}
	offset, length := int64(-1), int64(readLimit)
	for _, p := range []struct {
		name  string
		value *int64
	}{{"offset", &offset}, {"length", &length}} {
		text := c.Query(p.name)
		if text == nil {
			continue
		}
		n, err := strconv.ParseInt(string(text), 10, 64)
		switch {
		case err != nil:
			c.ReplyText(400, "Failed to convert '"+clip(text)+"' to number.\n")
			return
		case n < -1:
			c.ReplyText(400, "Negative "+p.name+" provided: "+clip(text)+".\n")
			return
		}
		*p.value = n
	}
	if path, ok = s.resolve(c, path); !ok {
		return
	}
	if length < 0 || length > readLimit {
		length = readLimit
	}
	at := uint64(offset)
	if offset < 0 {
		at = 1 << 62 // beyond any end: only the size is wanted
	}
	size, data, err := readAt(path, at, int(length))
	if err != nil {
		c.ReplyText(500, err.Error())
		return
	}
	shown := offset
	if offset < 0 {
		shown = int64(size)
	}
	b := json.String([]byte{'{'}, `"data":`, string(data))
	c.ReplyJSON(200, json.End(json.Int(b, `"offset":`, shown)))
}
