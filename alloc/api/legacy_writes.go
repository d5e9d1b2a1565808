//lint:file-ignore SA1019 Deprecated calls are what some old endpoints stand for.

package api

import (
	"bytes"

	"github.com/valyala/fasthttp"

	"github.com/caprock/caprock/alloc/core"
	"github.com/caprock/caprock/wire/codec"
	"github.com/caprock/caprock/wire/httpd"
	"github.com/caprock/caprock/wire/json"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/maintenance"
	"github.com/caprock/caprock/wire/mesos/master"
	"github.com/caprock/caprock/wire/mesos/quota"
)

// The old write endpoints are other spellings of operator calls: each builds the
// call from its own body and hands it to the core as the v1 endpoint does.

// write hands an operator's call to the core and answers.
func (s *Server) write(c *httpd.Ctx, call *master.Call, bytes int) {
	if err := core.ValidateOperatorCall(call); err != nil {
		c.ReplyText(err.Status, err.Text)
		return
	}
	token := core.Token(s.nextRef())
	a, ok := s.call(c, token, &core.OperatorCall{Principal: principal(c), Call: call, Reply: token}, bytes)
	if ok {
		reply(c, a)
	}
}

// methods answers 405 unless the method is one of names.
func methods(c *httpd.Ctx, names ...string) bool {
	if c.IsMethod(names...) {
		return true
	}
	c.ReplyMethodNotAllowed(names...)
	return false
}

// decode reads the body as the JSON of a message, or answers 400.
func decode(c *httpd.Ctx, into codec.Message) (size int, ok bool) {
	body, err := c.ReadBody()
	if err != nil {
		c.ReplyError(err)
		return 0, false
	}
	return len(body), decodeText(c, body, into)
}

func decodeText(c *httpd.Ctx, text []byte, into codec.Message) bool {
	if err := codec.JSON.Unmarshal(text, into); err != nil {
		c.ReplyText(400, err.Error())
		return false
	}
	return true
}

// decodeList reads the body, a JSON array, as one repeated field of a message.
func decodeList(c *httpd.Ctx, field string, into codec.Message) (size int, ok bool) {
	body, err := c.ReadBody()
	if err != nil {
		c.ReplyError(err)
		return 0, false
	}
	wrapped, ok := wrap(c, field, body)
	return len(body), ok && decodeText(c, wrapped, into)
}

// wrap makes an object of a field whose value must be a JSON array.
func wrap(c *httpd.Ctx, field string, array []byte) ([]byte, bool) {
	array = bytes.TrimSpace(array)
	if len(array) < 2 || array[0] != '[' || array[len(array)-1] != ']' {
		c.ReplyText(400, "got "+clip(array)+" as "+field+", wanted a JSON array")
		return nil, false
	}
	b := append(json.AppendString([]byte{'{'}, field), ':')
	return append(append(b, array...), '}'), true
}

// form reads the body as a query string; the URL's own query does not count.
func form(c *httpd.Ctx) (*fasthttp.Args, int, bool) {
	body, err := c.ReadBody()
	if err != nil {
		c.ReplyError(err)
		return nil, 0, false
	}
	args := &fasthttp.Args{}
	args.ParseBytes(body)
	return args, len(body), true
}

// field returns a value of a form, or answers 400.
func field(c *httpd.Ctx, args *fasthttp.Args, name string) ([]byte, bool) {
	v := args.Peek(name)
	if len(v) == 0 {
		c.ReplyText(400, "Missing '"+name+"' query parameter in the request body")
		return nil, false
	}
	return v, true
}

// teardown is POST /teardown with frameworkId.
func (s *Server) teardown(c *httpd.Ctx) {
	if !methods(c, "POST") {
		return
	}
	args, size, ok := form(c)
	if !ok {
		return
	}
	id, ok := field(c, args, "frameworkId")
	if !ok {
		return
	}
	s.write(c, &master.Call{
		Type:     master.Call_TEARDOWN.Enum(),
		Teardown: &master.Call_Teardown{FrameworkId: frameworkID(string(id))},
	}, size)
}

// resourceForm reads slaveId and JSON arrays of resources into a message that has
// fields of these names. The first must be there.
func resourceForm(c *httpd.Ctx, into codec.Message, name string, optional ...string) (agent *mesos.AgentID, size int, ok bool) {
	if !methods(c, "POST") {
		return nil, 0, false
	}
	args, size, ok := form(c)
	if !ok {
		return nil, 0, false
	}
	id, ok := field(c, args, "slaveId")
	if !ok {
		return nil, 0, false
	}
	if _, ok := field(c, args, name); !ok {
		return nil, 0, false
	}
	// agent_id is required, so it goes in before the fields are read.
	whole := append(json.AppendString([]byte(`{"agent_id":{"value":`), string(id)), '}')
	for _, name := range append(optional, name) {
		text := args.Peek(name)
		if len(text) == 0 {
			continue
		}
		array, ok := wrap(c, name, text)
		if !ok {
			return nil, 0, false
		}
		whole = append(append(whole, ','), array[1:len(array)-1]...)
	}
	return &mesos.AgentID{Value: ptr(string(id))}, size, decodeText(c, append(whole, '}'), into)
}

func (s *Server) reserve(c *httpd.Ctx) {
	call := &master.Call_ReserveResources{}
	agent, size, ok := resourceForm(c, call, "resources", "source")
	if !ok {
		return
	}
	call.AgentId = agent
	s.write(c, &master.Call{Type: master.Call_RESERVE_RESOURCES.Enum(), ReserveResources: call}, size)
}

func (s *Server) unreserve(c *httpd.Ctx) {
	call := &master.Call_UnreserveResources{}
	agent, size, ok := resourceForm(c, call, "resources")
	if !ok {
		return
	}
	call.AgentId = agent
	s.write(c, &master.Call{Type: master.Call_UNRESERVE_RESOURCES.Enum(), UnreserveResources: call}, size)
}

func (s *Server) createVolumes(c *httpd.Ctx) {
	call := &master.Call_CreateVolumes{}
	agent, size, ok := resourceForm(c, call, "volumes")
	if !ok {
		return
	}
	call.AgentId = agent
	s.write(c, &master.Call{Type: master.Call_CREATE_VOLUMES.Enum(), CreateVolumes: call}, size)
}

func (s *Server) destroyVolumes(c *httpd.Ctx) {
	call := &master.Call_DestroyVolumes{}
	agent, size, ok := resourceForm(c, call, "volumes")
	if !ok {
		return
	}
	call.AgentId = agent
	s.write(c, &master.Call{Type: master.Call_DESTROY_VOLUMES.Enum(), DestroyVolumes: call}, size)
}

// weights is /weights: GET lists those that are set, PUT sets some.
func (s *Server) weights(c *httpd.Ctx) {
	if !methods(c, "GET", "PUT") {
		return
	}
	if c.IsMethod("GET") {
		b := []byte{'['}
		for _, w := range getWeights(s.view.Snapshot()).GetWeightInfos() {
			b = append(w.AppendJSON(b), ',')
		}
		c.ReplyJSON(200, bytes.TrimSuffix(json.EndList(b), []byte{','}))
		return
	}
	call := &master.Call_UpdateWeights{}
	size, ok := decodeList(c, "weight_infos", call)
	if ok {
		s.write(c, &master.Call{Type: master.Call_UPDATE_WEIGHTS.Enum(), UpdateWeights: call}, size)
	}
}

// quota is /quota: GET shows all, POST sets one, DELETE /quota/<role> removes it.
func (s *Server) quota(c *httpd.Ctx) {
	if !methods(c, "GET", "POST", "DELETE") {
		return
	}
	switch {
	case c.IsMethod("GET"):
		c.ReplyJSON(200, quotaStatus(s.view.Snapshot()).AppendJSON(nil))
	case c.IsMethod("POST"):
		request := &quota.QuotaRequest{}
		size, ok := decode(c, request)
		if ok {
			s.write(c, &master.Call{
				Type:     master.Call_SET_QUOTA.Enum(),
				SetQuota: &master.Call_SetQuota{QuotaRequest: request},
			}, size)
		}
	default:
		if len(c.Rest()) == 0 {
			c.ReplyText(400, "got path /quota, wanted /quota/<role>")
			return
		}
		s.write(c, &master.Call{
			Type:        master.Call_REMOVE_QUOTA.Enum(),
			RemoveQuota: &master.Call_RemoveQuota{Role: ptr(string(c.Rest()))},
		}, 0)
	}
}

func (s *Server) maintenanceSchedule(c *httpd.Ctx) {
	if !methods(c, "GET", "POST") {
		return
	}
	if c.IsMethod("GET") {
		c.ReplyJSON(200, s.view.Snapshot().Maintenance.Schedule().AppendJSON(nil))
		return
	}
	schedule := &maintenance.Schedule{}
	size, ok := decode(c, schedule)
	if ok {
		s.write(c, &master.Call{
			Type:                      master.Call_UPDATE_MAINTENANCE_SCHEDULE.Enum(),
			UpdateMaintenanceSchedule: &master.Call_UpdateMaintenanceSchedule{Schedule: schedule},
		}, size)
	}
}

func (s *Server) maintenanceStatus(c *httpd.Ctx) {
	if methods(c, "GET") {
		c.ReplyJSON(200, clusterStatus(s.view.Snapshot()).AppendJSON(nil))
	}
}

func (s *Server) machineDown(c *httpd.Ctx) {
	call := &master.Call_StartMaintenance{}
	if !methods(c, "POST") {
		return
	}
	size, ok := decodeList(c, "machines", call)
	if ok {
		s.write(c, &master.Call{Type: master.Call_START_MAINTENANCE.Enum(), StartMaintenance: call}, size)
	}
}

func (s *Server) machineUp(c *httpd.Ctx) {
	call := &master.Call_StopMaintenance{}
	if !methods(c, "POST") {
		return
	}
	size, ok := decodeList(c, "machines", call)
	if ok {
		s.write(c, &master.Call{Type: master.Call_STOP_MAINTENANCE.Enum(), StopMaintenance: call}, size)
	}
}
