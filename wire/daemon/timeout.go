package daemon

import (
	"github.com/caprock/caprock/wire/httpd"
	"github.com/caprock/caprock/wire/units"
)

// MetricsTimeout checks ?timeout= of /metrics/snapshot, or answers 400 for what is no
// duration and returns false. No metric takes long to read, so none is ever left out.
func MetricsTimeout(c *httpd.Ctx) bool {
	text := c.Query("timeout")
	if text == nil {
		return true
	}
	if _, err := units.ParseDuration(string(text)); err != nil {
		c.ReplyText(400, "Invalid timeout '"+clip(text)+"': "+err.Error()+".\n")
		return false
	}
	return true
}
