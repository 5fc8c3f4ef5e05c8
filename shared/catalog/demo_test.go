package catalog_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// The demo is a week of the example shop, and a few orders two months before it,
// so that every journey of the example catalog runs: `make run` plays it. It is
// written down as scenes and made into calls here; the file is what is played.
const demoFile = "../../events/demo.ndjson"

// monday is the first morning of the demo's week.
var monday = time.Date(2026, 11, 16, 6, 0, 0, 0, time.UTC)

// at is a time of the week: day 0 is monday, negative days lie before it.
func at(day int, clock string) time.Time {
	var h, m int
	if _, err := fmt.Sscanf(clock, "%d:%d", &h, &m); err != nil {
		panic(err)
	}
	return monday.AddDate(0, 0, day).Add(time.Duration(h-6)*time.Hour + time.Duration(m)*time.Minute)
}

type product struct {
	id, category string
	en, he       string
	price        float64
}

var products = map[string]product{
	"tent":     {"tent-2", "outdoor", "Tent for two", "אוהל לזוג", 490},
	"lamp":     {"lamp-1", "outdoor", "Head lamp", "פנס ראש", 119},
	"boots":    {"boots-7", "outdoor", "Walking boots", "נעלי הליכה", 549},
	"bottle":   {"bottle-3", "outdoor", "Steel bottle", "בקבוק נירוסטה", 89},
	"board":    {"board-1", "home", "Olive wood board", "קרש חיתוך מעץ זית", 145},
	"linen":    {"linen-5", "home", "Linen sheets", "סדיני פשתן", 420},
	"mug":      {"mug-2", "home", "Clay mug", "ספל חימר", 64},
	"rucksack": {"rucksack-s", "kids", "Small rucksack", "תרמיל קטן", 159},
	"raincoat": {"raincoat-4", "kids", "Yellow raincoat", "מעיל גשם צהוב", 189},
	"sticker":  {"sticker-9", "kids", "Sticker", "מדבקה", 8},
}

type customer struct {
	id, name, locale, zone, address string
}

// week collects the calls of all scenes.
type week struct{ lines []map[string]any }

func (w *week) add(t time.Time, key, typ string, fields map[string]any) {
	line := map[string]any{"type": typ, key: t.Format("2006-01-02T15:04:05.000Z")}
	for k, v := range fields {
		line[k] = v
	}
	w.lines = append(w.lines, line)
}

func (w *week) identify(c customer, t time.Time, more map[string]any) {
	fields := map[string]any{
		"userId": c.id, "traits": map[string]any{"email": c.address, "first_name": c.name},
		"context": map[string]any{"locale": c.locale, "timezone": c.zone},
	}
	for k, v := range more {
		fields[k] = v
	}
	w.add(t, "timestamp", "identify", fields)
}

// agrees grants what the newsletter's notice asks for.
func (w *week) agrees(c customer, t time.Time) {
	w.consent(c, t, "marketing", "email", "granted")
	w.consent(c, t, "personalization", "", "granted")
}

func (w *week) consent(c customer, t time.Time, purpose, channel, state string) {
	fields := map[string]any{"userId": c.id, "purpose": purpose, "state": state}
	if channel != "" {
		fields["channel"] = channel
	}
	if state == "granted" {
		fields["notice"] = "newsletter"
	}
	w.add(t, "time", "consent", fields)
}

func (w *week) track(who map[string]any, t time.Time, event string, properties map[string]any) {
	fields := map[string]any{"event": event, "properties": properties}
	for k, v := range who {
		fields[k] = v
	}
	w.add(t, "timestamp", "track", fields)
}

func user(c customer) map[string]any { return map[string]any{"userId": c.id} }

// visitor is somebody without a user id, who let the banner use her data.
func visitor(id string) map[string]any {
	return map[string]any{"anonymousId": id, "context": map[string]any{
		"consent": map[string]any{"categoryPreferences": map[string]any{"Advertising": true}},
	}}
}

func line(c customer, name string) map[string]any {
	p, title := products[name], products[name].en
	if strings.HasPrefix(c.locale, "he") {
		title = p.he
	}
	return map[string]any{"product_id": p.id, "name": title, "price": p.price, "category": p.category, "quantity": 1}
}

func (w *week) views(who map[string]any, c customer, t time.Time, name string) {
	properties := line(c, name)
	delete(properties, "quantity")
	w.track(who, t, "Product Viewed", properties)
}

func (w *week) adds(c customer, t time.Time, names ...string) {
	for i, name := range names {
		w.track(user(c), t.Add(time.Duration(i)*2*time.Minute), "Product Added", line(c, name))
	}
}

func (w *week) removes(c customer, t time.Time, name string) {
	w.track(user(c), t, "Product Removed", map[string]any{"product_id": products[name].id, "name": line(c, name)["name"]})
}

func (w *week) buys(c customer, t time.Time, names ...string) {
	revenue, lines := 0.0, []any{}
	for _, name := range names {
		revenue += products[name].price
		lines = append(lines, line(c, name))
	}
	w.track(user(c), t, "Order Completed", map[string]any{
		"order_id": fmt.Sprintf("%s-%s", c.id, t.Format("0102")), "revenue": revenue, "currency": "ILS", "products": lines,
	})
}

// answers fills in the survey, which asks for both permissions.
func (w *week) answers(c customer, t time.Time, interests ...string) {
	w.add(t, "time", "survey", map[string]any{
		"survey": "style", "userId": c.id, "responseId": "style-" + c.id,
		"answers": map[string]any{"interests": interests},
		"consent": []any{
			map[string]any{"purpose": "marketing", "channel": "email", "state": "granted", "notice": "newsletter"},
			map[string]any{"purpose": "personalization", "state": "granted", "notice": "newsletter"},
		},
	})
}

// people are the demo's customers: in Hebrew and in English, at home and abroad.
func people() map[string]customer {
	all := map[string]customer{}
	for _, row := range []string{
		"dana דנה he-IL", "noa נועה he-IL", "itai איתי he-IL", "tamar תמר he-IL", "yael יעל he-IL", "omer עומר he-IL",
		"shira שירה he-IL", "amit עמית he-IL", "gal גל he-IL", "maya מאיה he-IL", "eyal אייל he-IL", "lior ליאור he-IL",
		"michal מיכל he-IL", "ron רון he-IL", "hadas הדס he-IL", "nir ניר he-IL", "adi עדי he-IL", "yoav יואב he-IL",
		"rotem רותם he-IL", "efrat אפרת he-IL", "boaz בועז he-IL", "sigal סיגל he-IL",
		"tom Tom en-GB", "emma Emma en-GB", "oliver Oliver en-GB", "grace Grace en-US", "henry Henry en-US", "ruth Ruth en-US",
		"leo Leo en-GB", "anna Anna en-IL", "sam Sam en-IL", "julia Julia en-GB", "max Max en-IL", "ella Ella en-US",
		"victor Victor en-IL", "nina Nina en-GB", "paul Paul en-US", "clara Clara en-IL", "hugo Hugo en-GB", "iris Iris en-IL",
		"felix Felix en-GB", "alma Alma en-IL", "otto Otto en-GB", "stella Stella en-US", "karin קרין he-IL", "dov דב he-IL",
	} {
		f := strings.Fields(row)
		zones := map[string]string{"he-IL": "Asia/Jerusalem", "en-IL": "Asia/Jerusalem", "en-GB": "Europe/London", "en-US": "America/New_York"}
		all[f[0]] = customer{id: "user-" + f[0], name: f[1], locale: f[2], zone: zones[f[2]], address: f[0] + "@mail.example"}
	}
	// The mailbox of this machine bounces whatever is sent to bounce.example.
	for _, id := range []string{"otto", "dov"} {
		c := all[id]
		c.address = id + "@bounce.example"
		all[id] = c
	}
	return all
}

func demo() []map[string]any {
	w, p := &week{}, people()
	w.cartsLeft(p)
	w.cartsBought(p)
	w.withoutPermission(p)
	w.surveyed(p)
	w.longAgo(p)
	w.changedTheirMind(p)
	w.visitors(p)
	w.mistakes(p)
	slices.SortStableFunc(w.lines, func(a, b map[string]any) int { return strings.Compare(when(a), when(b)) })
	for i, l := range w.lines {
		if _, ok := l["messageId"]; !ok && l["type"] != "survey" {
			l["messageId"] = fmt.Sprintf("demo-%04d", i+1)
		}
	}
	return w.lines
}

func when(l map[string]any) string {
	if t, ok := l["timestamp"].(string); ok {
		return t
	}
	return l["time"].(string)
}

// cartsLeft: reminded after an hour; who declared interests gets an offer a day later.
func (w *week) cartsLeft(p map[string]customer) {
	for i, s := range []struct{ id, clock, in, interest string }{
		{"dana", "7:10", "tent lamp", "outdoor"}, {"noa", "8:40", "linen", ""}, {"itai", "9:25", "boots", "outdoor"},
		{"tamar", "10:05", "board mug", "home"}, {"tom", "11:30", "tent bottle", "outdoor"}, {"emma", "12:15", "raincoat", ""},
		{"oliver", "13:50", "rucksack raincoat", "kids"}, {"grace", "14:20", "board", "home"}, {"yael", "15:35", "rucksack", "kids"},
		{"anna", "17:45", "lamp", ""}, {"omer", "19:20", "boots bottle", "outdoor"}, {"henry", "16:10", "linen mug", ""},
	} {
		c, t := p[s.id], at(i/3, s.clock)
		w.identify(c, t.Add(-20*time.Minute), nil)
		w.agrees(c, t.Add(-19*time.Minute))
		if s.interest != "" {
			w.identify(c, t.Add(-15*time.Minute), map[string]any{"traits": map[string]any{"interests": []string{s.interest}}})
		}
		for _, name := range strings.Fields(s.in) {
			w.views(user(c), c, t.Add(-5*time.Minute), name)
		}
		w.adds(c, t, strings.Fields(s.in)...)
	}
}

// cartsBought: an order within the hour, so no mail at all; or after the reminder.
func (w *week) cartsBought(p map[string]customer) {
	for i, s := range []struct {
		id, clock, in string
		after         time.Duration
	}{
		{"shira", "7:55", "linen", 12 * time.Minute}, {"amit", "9:05", "tent", 40 * time.Minute},
		{"leo", "10:45", "mug", 25 * time.Minute}, {"julia", "12:40", "board", 59 * time.Minute},
		{"gal", "13:15", "raincoat", 5 * time.Minute}, {"sam", "15:10", "bottle lamp", 3 * time.Hour},
		{"ruth", "16:30", "rucksack", 5 * time.Hour}, {"maya", "8:20", "boots", 26 * time.Hour},
	} {
		c, t := p[s.id], at(i/2, s.clock)
		w.identify(c, t.Add(-30*time.Minute), nil)
		w.agrees(c, t.Add(-29*time.Minute))
		w.adds(c, t, strings.Fields(s.in)...)
		w.buys(c, t.Add(s.after), strings.Fields(s.in)...)
	}
}

// withoutPermission: what may not be stored is refused and starts nothing; who
// allows data but no mail is not mailed.
func (w *week) withoutPermission(p map[string]customer) {
	for i, id := range []string{"eyal", "max", "lior", "ella"} {
		c, t := p[id], at(i, "11:05")
		w.identify(c, t, nil)
		w.adds(c, t.Add(10*time.Minute), "lamp")
		if i%2 == 0 {
			w.buys(c, t.Add(50*time.Minute), "lamp")
		}
	}
	for i, id := range []string{"michal", "victor", "nina"} {
		c, t := p[id], at(i+1, "9:50")
		w.identify(c, t, nil)
		w.consent(c, t.Add(time.Minute), "personalization", "", "granted")
		w.adds(c, t.Add(10*time.Minute), "board")
	}
	c := p["paul"]
	w.identify(c, at(2, "14:00"), nil)
	w.consent(c, at(2, "14:01"), "marketing", "email", "denied")
	w.buys(c, at(2, "14:30"), "linen")
}

// surveyed: a welcome by what they picked; some order after it.
func (w *week) surveyed(p map[string]customer) {
	for i, s := range []struct{ id, clock, picks, buys string }{
		{"ron", "8:15", "outdoor", "boots"}, {"clara", "9:40", "home kids", ""}, {"hadas", "10:20", "home", "board"},
		{"hugo", "12:05", "outdoor", ""}, {"nir", "14:45", "kids", ""}, {"iris", "16:25", "outdoor home", "tent"},
	} {
		c, t := p[s.id], at(i/2, s.clock)
		w.identify(c, t.Add(-3*time.Minute), nil)
		w.answers(c, t, strings.Fields(s.picks)...)
		if s.buys != "" {
			w.buys(c, t.Add(44*time.Hour), s.buys)
		}
	}
	// The welcome was today's mail: the cart's reminder is over the cap.
	w.adds(p["hugo"], at(1, "13:30"), "bottle")
}

// longAgo: two months after an order comes the question how things are; who
// ordered again meanwhile is left alone.
func (w *week) longAgo(p map[string]customer) {
	for i, id := range []string{"adi", "felix", "yoav", "alma"} {
		c, t := p[id], at(i-58, "9:00")
		w.identify(c, t.Add(-time.Hour), nil)
		w.agrees(c, t.Add(-50*time.Minute))
		w.buys(c, t, "mug")
	}
	w.identify(p["felix"], at(-40, "10:00"), map[string]any{"traits": map[string]any{"interests": []string{"home"}}})
	w.buys(p["alma"], at(-10, "18:00"), "linen")
}

// changedTheirMind: unsubscribed, taken out of the cart, and addresses that bounce.
func (w *week) changedTheirMind(p map[string]customer) {
	for i, id := range []string{"rotem", "stella"} {
		c, t := p[id], at(i, "12:30")
		w.identify(c, t, nil)
		w.agrees(c, t.Add(time.Minute))
		w.adds(c, t.Add(10*time.Minute), "tent")
		w.consent(c, t.Add(20*time.Minute), "marketing", "email", "withdrawn")
	}
	for i, id := range []string{"efrat", "boaz"} {
		c, t := p[id], at(i+2, "13:00")
		w.identify(c, t, nil)
		w.agrees(c, t.Add(time.Minute))
		w.adds(c, t.Add(5*time.Minute), "raincoat")
		w.removes(c, t.Add(30*time.Minute), "raincoat")
	}
	for i, id := range []string{"otto", "dov"} {
		c, t := p[id], at(i, "10:30")
		w.identify(c, t, nil)
		w.agrees(c, t.Add(time.Minute))
		w.adds(c, t.Add(5*time.Minute), "lamp")
		w.adds(c, t.Add(60*time.Hour), "tent") // the address is suppressed by now
	}
}

// visitors look around before they say who they are; some never do.
func (w *week) visitors(p map[string]customer) {
	for i, id := range []string{"sigal", "karin"} {
		c, t := p[id], at(i+1, "15:00")
		who := visitor("visitor-" + id)
		w.views(who, c, t, "linen")
		w.track(who, t.Add(4*time.Minute), "Product Added", line(c, "linen"))
		w.identify(c, t.Add(10*time.Minute), map[string]any{"anonymousId": "visitor-" + id})
		w.agrees(c, t.Add(11*time.Minute))
		w.adds(c, t.Add(15*time.Minute), "mug")
	}
	for i := range 3 {
		who := visitor(fmt.Sprintf("visitor-%d", i+1))
		w.views(who, customer{locale: "en-IL"}, at(i+1, "18:10"), "tent")
		w.track(who, at(i+1, "18:14"), "Product Added", line(customer{locale: "en-IL"}, "tent"))
	}
}

// mistakes that every shop's data has: a call sent twice, an event that nobody
// declared, and a cart too small for the journey.
func (w *week) mistakes(p map[string]customer) {
	for range 2 {
		w.track(map[string]any{"userId": p["shira"].id, "messageId": "demo-twice"}, at(4, "9:00"), "Product Added", line(p["shira"], "mug"))
	}
	w.track(user(p["leo"]), at(4, "9:30"), "Product Shared", map[string]any{"product_id": "tent-2"})
	w.adds(p["leo"], at(4, "9:40"), "sticker")
	w.buys(p["dana"], at(4, "12:00"), "tent", "lamp")
	w.adds(p["gal"], at(6, "8:00"), "tent") // still in its hour when the demo ends
	w.views(user(p["gal"]), p["gal"], at(6, "8:30"), "boots")
}

func encode(t *testing.T, lines []map[string]any) []byte {
	t.Helper()
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	for _, l := range lines {
		if err := enc.Encode(l); err != nil {
			t.Fatal(err)
		}
	}
	return out.Bytes()
}

func TestTheDemoIsThatOfItsScenes(t *testing.T) {
	want := encode(t, demo())
	if *update {
		if err := os.WriteFile(demoFile, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(demoFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not current: go test ./shared/catalog -update", demoFile)
	}
}

func TestTheDemoShowsWhatAShopSees(t *testing.T) {
	seen := map[string]map[string]bool{}
	note := func(kind, value string) {
		if seen[kind] == nil {
			seen[kind] = map[string]bool{}
		}
		seen[kind][value] = true
	}
	lines := demo()
	for _, l := range lines {
		note("type", l["type"].(string))
		for _, key := range []string{"userId", "anonymousId", "event", "state"} {
			if v, ok := l[key].(string); ok {
				note(key, v)
			}
		}
		if c, ok := l["context"].(map[string]any); ok {
			if locale, ok := c["locale"].(string); ok {
				note("language", locale[:2])
			}
		}
	}
	for kind, least := range map[string]int{"userId": 40, "anonymousId": 3, "language": 2, "type": 4, "event": 5, "state": 3} {
		if len(seen[kind]) < least {
			t.Errorf("%s: %d different, want %d at least", kind, len(seen[kind]), least)
		}
	}
	if span := when(lines[len(lines)-1])[:10]; span != "2026-11-22" {
		t.Errorf("the demo ends on %s", span)
	}
}
