package api

import (
	"github.com/caprock/caprock/agent/core"
	"github.com/caprock/caprock/wire/httpd"
	"github.com/caprock/caprock/wire/json"
)

// debug answers /containerizer/debug: what is waited for. Mesos lists calls of isolators that have not
// returned; here a launch is one step, so each container that does not run yet is one entry.
func (a *server) debug(c *httpd.Ctx) {
	body := append(json.Key([]byte{'{'}, "pending"), '[')
	if !a.view(c, func(co *core.Core, _ *core.View) {
		for _, id := range co.Launching() {
			body = text(append(body, '{'), "operation", "launch")
			body = text(append(json.Key(body, "args"), '{'), "containerId", id.String())
			body = append(json.End(json.EndMap(body)), ',')
		}
	}) {
		return
	}
	c.ReplyJSON(200, json.End(json.EndList(body)))
}
