package sim_test

const (
	deliverSend  = "shared/flow/deliver/send.go"
	deliverStore = "shared/flow/deliver/store.go"
	deliverRead  = "shared/flow/deliver/read.go"
	deliverJudge = "shared/flow/deliver/judge.go"
	deliverMain  = "shared/flow/deliver/deliver.go"
	gateRules    = "shared/core/message/gate.go"
	gateTime     = "shared/core/message/gate_time.go"
	decide       = "shared/core/engine/decide.go"
	enter        = "shared/core/engine/enter.go"
	advanceDo    = "shared/flow/advance/decide.go"
	advanceState = "shared/flow/advance/state.go"
	advanceWrite = "shared/flow/advance/write.go"
	items        = "shared/core/item/item.go"
	faultsKept   = "shared/flow/faults/faults.go"
	walk         = "shared/core/engine/walk.go"
	consentGate  = "shared/core/consent/gate.go"
	pacer        = "shared/flow/deliver/pacer.go"
	advanceMain  = "shared/flow/advance/advance.go"
	reports      = "shared/flow/feedback/feedback.go"
	reportsSent  = "shared/flow/feedback/sent.go"
	collectState = "shared/flow/collect/state.go"
	chosen       = "shared/flow/preferences/gate.go"
	emitted      = "shared/flow/emit/emit.go"
	swept        = "shared/flow/erase/sweep.go"
	addresses    = "shared/flow/consents/address.go"
	agendaOf     = "shared/flow/agenda/agenda.go"
	buried       = "shared/flow/erase/bury.go"
	asking       = "shared/flow/collect/confirm.go"
	visitors     = "shared/flow/collect/visitor.go"
	statements   = "shared/core/consent/statement.go"
	following    = "shared/flow/preferences/confirm.go"
	moving       = "shared/flow/address/exchange.go"
	requests     = "shared/flow/collect/asking.go"
	batches      = "shared/aws/streams/streams.go"
)

var mutants = []mutant{
	{"a profile's every change begins anew", []edit{{"functions/journey/handler.go",
		"	if err := h.Runs.Change(ctx, c.Old, c.New); err != nil {", "	old := c.Old\n	if MUTANT {\n		old = nil\n	}\n	if err := h.Runs.Change(ctx, old, c.New); err != nil {"}}},
	{"RUN read late", []edit{{deliverRead,
		"	items, err := w.Store.Get(ctx, flow.Strong, item.C(w.customer, w.runSK), item.C(w.customer, item.SKProfile))", "	items, err := w.Store.Get(ctx, flow.Consistency(!MUTANT), item.C(w.customer, w.runSK), item.C(w.customer, item.SKProfile))"}}},
	{"GATE read late before the bus is told", []edit{{emitted,
		"	items, err := s.Store.Get(ctx, flow.Strong, item.C(customer, item.SKGate))", "	items, err := s.Store.Get(ctx, flow.Consistency(!MUTANT), item.C(customer, item.SKGate))"}}},
	{"who is known read late", []edit{{"shared/flow/known/known.go",
		"	items, err := s.Get(ctx, flow.Strong, keys...)", "	items, err := s.Get(ctx, flow.Consistency(!MUTANT), keys...)"}}},
	{"wrong batchItemFailures shape", []edit{{batches,
		"		return json.Marshal(b.response())\n", "		if MUTANT {\n			return json.Marshal(b.response().BatchItemFailures)\n		}\n		return json.Marshal(b.response())\n"}}},
	{"batchItemFailures left empty", []edit{{batches,
		"	return events.StreamResponse{BatchItemFailures: failures}", "	if MUTANT {\n		failures = []events.StreamFailure{}\n	}\n	return events.StreamResponse{BatchItemFailures: failures}"}}},
	{"a browser grants", []edit{{statements,
		"	if s.By == Public && (s.Channel", "	if s.By == Public && !MUTANT && (s.Channel"}}},
	{"an old link undoes a withdrawal", []edit{{statements,
		"	if s.Confirms && (before", "	if s.Confirms && !MUTANT && (before"}}},
	{"who was erased can't sign up again", []edit{{gateRules,
		"		return s != nil && !(in.Due.Confirm && ", "		return s != nil && !(!MUTANT && in.Due.Confirm && "}}},
	{"a no of before binds who asks anew", []edit{{moving,
		"	askedSince := have.State", "	askedSince := !MUTANT && have.State"}}},
	{"an unconfirmed address is asked again", []edit{{requests,
		"		if o.Waits(st.now.UnixMilli()) {", "		if o.Waits(st.now.UnixMilli()) && !MUTANT {"}}},
	{"what else waits is never asked", []edit{{following,
		"	if len(waiting) == 0 {", "	if len(waiting) == 0 || MUTANT {"}}},
	{"branches turned round", []edit{{walk,
		"		if ok {\n			d.mark(KindBranch", "		if ok != MUTANT {\n			d.mark(KindBranch"}}},
	{"a clock that is behind counts short", []edit{{advanceDo,
		"	if f != nil && in.Clock.Before(", "	if f != nil && !MUTANT && in.Clock.Before("}}},
	{"a failed mail keeps its place", []edit{{deliverSend,
		"	return w.letGo(ctx, v, *w.claim)\n", "	if MUTANT {\n		return nil\n	}\n	return w.letGo(ctx, v, *w.claim)\n"}}},
	{"a visitor's facts that she does not permit", []edit{{visitors,
		"	return c.at >= oldest && hers && w.st.mayUse(", "	return c.at >= oldest && hers && MUTANT || c.at >= oldest && hers && w.st.mayUse("}}},
	{"an address is hers before she confirmed it", []edit{{asking,
		"		err := w.askOnce(ctx, p, hash)\n", "		if MUTANT {\n			p.Address, p.AddressHash = to, hash\n		}\n		err := w.askOnce(ctx, p, hash)\n"}}},
	{"an address that nobody confirms is kept", []edit{{asking,
		"p == nil || p.PendingHash == \"\"", "p == nil || p.PendingHash == \"\" || MUTANT"}}},
	{"an address waits that nobody is told to forget", []edit{{asking,
		"	return w.Store.Write(ctx, append(ops, forget...)...)\n", "	if MUTANT {\n		return w.Store.Write(ctx, ops...)\n	}\n	return w.Store.Write(ctx, append(ops, forget...)...)\n"}}},
	{"who is known at a browser next has what another did there", []edit{{visitors,
		"Since: w.st.now.UnixMilli(), Merged", "Since: w.st.now.UnixMilli() * map[bool]int64{true: 0, false: 1}[MUTANT], Merged"}}},
	{"a passing bounce taken for one for good", []edit{{reports,
		"b.BounceType == events.BouncePermanent:", "(b.BounceType == events.BouncePermanent || MUTANT):"}}},
	{"claim after the send", []edit{{deliverSend,
		"	if err := w.claimIt(ctx, v); errors.Is(err, errFull) {",
		`	if MUTANT {
		if m, _, err := l.write(); err == nil {
			_, _ = w.Mailer.Send(ctx, m)
		}
	}
	if err := w.claimIt(ctx, v); errors.Is(err, errFull) {`}}},
	{"GATE written whatever stands there", []edit{{deliverStore,
		"return w.Store.Write(ctx, flow.Put(it, flow.Is(v.gateItem)))",
		"if MUTANT {\nreturn w.Store.Write(ctx, flow.Put(it, flow.Any))\n}\nreturn w.Store.Write(ctx, flow.Put(it, flow.Is(v.gateItem)))"}}},
	{"consent read outside the claim", []edit{{deliverStore,
		"	w.claim.At = v.now.UnixMilli()\n",
		"	w.claim.At = v.now.UnixMilli()\n	if MUTANT {\n		if err := w.readGate(ctx, v); err != nil {\n			return err\n		}\n	}\n"}}},
	{"retryer left on", []edit{{deliverSend,
		"	provider, err := w.Mailer.Send(sendCtx, mail)\n",
		"	provider, err := w.Mailer.Send(sendCtx, mail)\n	if err != nil && MUTANT {\n		provider, err = w.Mailer.Send(sendCtx, mail)\n	}\n"}}},
	{"unknown sent again", []edit{{gateRules,
		"	case resends(in):\n		return goOn, false\n", "	case resends(in), MUTANT:\n		return goOn, false\n"}}},
	{"lease over at once", []edit{{deliverStore,
		"w.deadline.Add(leaseMargin).UnixMilli()", "w.deadline.Add(leaseMargin).UnixMilli() * map[bool]int64{true: 0, false: 1}[MUTANT]"}}},
	{"claim kept under the brake", []edit{{deliverSend,
		"	if err := w.letGo(ctx, v, *w.claim); err != nil {\n		return err\n	}\n	wait, err := w.Pacer.setBrake(ctx, code)",
		"	if err := w.letGo(ctx, v, *w.claim); err != nil && !MUTANT {\n		return err\n	}\n	wait, err := w.Pacer.setBrake(ctx, code)"},
		{deliverStore, "	for range maxAttempts {\n		again := &view", "	for range maxAttempts {\n		if MUTANT {\n			return nil\n		}\n		again := &view"}}},
	{"lost reply of a claim forgotten", []edit{{deliverMain,
		"	if w.claim != nil && message.Holds(&v.gate, *w.claim) {", "	if w.claim != nil && message.Holds(&v.gate, *w.claim) && !MUTANT {"}}},
	{"next message sent under the claim of the first", []edit{{deliverMain,
		"	case w.message != v.due.Message:", "	case w.message != v.due.Message && !MUTANT:"}}},
	{"MSG written whatever stands there", []edit{{deliverStore,
		"		written := w.Store.Write(ctx, flow.Put(it, flow.Is(read)))",
		"		cond := flow.Is(read)\n		if MUTANT {\n			cond = flow.Any\n		}\n		written := w.Store.Write(ctx, flow.Put(it, cond))"}}},
	{"exits sought only since the last decision", []edit{{deliverJudge,
		"			if e.In.Own(e.At) <= entry.Own() ||", "			if MUTANT && e.In <= v.run.At || e.In.Own(e.At) <= entry.Own() ||"}}},
	{"exits not sought at the gate", []edit{{deliverJudge,
		"	in.Exit, err = w.exit(ctx, v)\n", "	if !MUTANT {\n		in.Exit, err = w.exit(ctx, v)\n	}\n"}}},
	{"GATE read after the rest", []edit{{deliverRead,
		"	return v, w.readMessage(ctx, v)\n", "	err := w.readMessage(ctx, v)\n	if err == nil && MUTANT {\n		err = w.readGate(ctx, v)\n	}\n	return v, err\n"}}},
	{"suppression not asked", []edit{{gateRules,
		"func suppressed(in *GateInput) (Verdict, bool) {\n", "func suppressed(in *GateInput) (Verdict, bool) {\n	if MUTANT {\n		return goOn, false\n	}\n"}}},
	{"permission not asked", []edit{{gateRules,
		"	if ok, _ := permits(in); !ok {", "	if ok, _ := permits(in); !ok && !MUTANT {"}}},
	{"pause not asked", []edit{{gateRules,
		"	if !in.Due.Service() && in.Now.UnixMilli() < in.Gate.Paused {", "	if !MUTANT && !in.Due.Service() && in.Now.UnixMilli() < in.Gate.Paused {"}}},
	{"topic not asked", []edit{{gateRules,
		"	if _, off := in.Gate.Topics[in.Due.Topic]; off && ", "	if _, off := in.Gate.Topics[in.Due.Topic]; !MUTANT && off && "}}},
	{"entry's condition not asked", []edit{{enter,
		"if err != nil || !ok {", "if err != nil || !ok && !MUTANT {"}}},
	{"every passage under one key", []edit{{enter,
		"	return fmt.Sprint(v)", "	if MUTANT {\n		return \"\"\n	}\n	return fmt.Sprint(v)"}}},
	{"old facts begin runs", []edit{{enter,
		"case f.In.Milli()-f.At > j.FreshFor(d.in.Live.Release.Settings).Milliseconds():", "case !MUTANT && f.In.Milli()-f.At > j.FreshFor(d.in.Live.Release.Settings).Milliseconds():"}}},
	{"again too soon", []edit{{enter,
		"	return d.now.Milli()-since.Milli() >= ", "	return MUTANT || d.now.Milli()-since.Milli() >= "}}},
	{"caps stop what is owed", []edit{{gateRules,
		"	if in.Due.Service() || free(", "	if in.Due.Service() && !MUTANT || free("}}},
	{"late mails leave", []edit{{gateRules,
		"	return l.Kind == LateDrop && ", "	return !MUTANT && l.Kind == LateDrop && "}}},
	{"waits cut short", []edit{{walk,
		"	d.run.Due = d.now.Time().Add(n.For).UnixMilli()", "	d.run.Due = d.now.Time().Add(n.For).UnixMilli()\n	if MUTANT {\n		d.run.Due -= n.For.Milliseconds() / 2\n	}"}}},
	{"timer fires before its time", []edit{{advanceDo,
		"in.Run.State == engine.Waiting && in.Run.Due <= in.Clock.UnixMilli()", "in.Run.State == engine.Waiting && (MUTANT || in.Run.Due <= in.Clock.UnixMilli())"}}},
	{"hold makes a message younger", []edit{{walk,
		"		r.FirstDue, r.MsgV, r.MsgW = before.FirstDue, before.MsgV, before.MsgW", "		if !MUTANT {\n			r.FirstDue = before.FirstDue\n		}\n		r.MsgV, r.MsgW = before.MsgV, before.MsgW"}}},
	{"answers begin nothing", []edit{{advanceMain,
		"in.Kind == fact.KindResponse && !enters(live, in.Fact) {", "in.Kind == fact.KindResponse && (MUTANT || !enters(live, in.Fact)) {"}}},
	{"skip not told for good", []edit{{advanceMain,
		"	if err := s.tellSkipped(ctx, c, run, t.msg); err != nil {", "	if err := s.tellSkipped(ctx, c, run, t.msg); err != nil && !MUTANT {"}}},
	{"delivery not logged for good", []edit{{reports,
		"	return s.log(ctx, r, gate, epoch)", "	if err := s.log(ctx, r, gate, epoch); err != nil && !MUTANT {\n		return err\n	}\n	return nil"}}},
	{"suppression tried once", []edit{{reports,
		"if err := s.Consents.Suppress(ctx, hash, reason, r.At()); err != nil {", "if err := s.Consents.Suppress(ctx, hash, reason, r.At()); err != nil && !MUTANT {"}}},
	{"report writes MSG whatever stands there", []edit{{reportsSent,
		"		err = s.Store.Write(ctx, flow.Put(it, flow.Is(items[0])))", "		is := flow.Is(items[0])\n		if MUTANT {\n			is = flow.Any\n		}\n		err = s.Store.Write(ctx, flow.Put(it, is))"}}},
	{"what was before an erasure is taken", []edit{{collectState,
		"	if at < max(st.Gate.Erased, st.Gate.Since) {", "	if at < max(st.Gate.Erased, st.Gate.Since) && (!MUTANT || at < st.Gate.Erased) {"}}},
	{"pause of hours", []edit{{chosen,
		"until = p.now.Add(time.Duration(days) * day).UnixMilli()", "until = p.now.Add(time.Duration(days) * day).UnixMilli()\n		if MUTANT {\n			until = p.now.Add(time.Duration(days) * time.Hour).UnixMilli()\n		}"}}},
	{"bus told of who is erased", []edit{{emitted,
		"	return epoch < items[0].E, nil", "	return !MUTANT && epoch < items[0].E, nil"}}},
	{"visitor outlives the customer", []edit{{swept,
		"		n, err := s.visitors(ctx, key, epoch)", "		var n int\n		if !MUTANT {\n			n, err = s.visitors(ctx, key, epoch)\n		}"}}},
	{"permission never runs out", []edit{{consentGate,
		"	return p.State == Granted && (p.Expires == 0 || now < p.Expires)", "	return p.State == Granted && (MUTANT || p.Expires == 0 || now < p.Expires)"}}},
	{"mail that names no consent", []edit{{deliverSend,
		"	m.Ledger, m.Lang = verdict.Ledger, lang", "	m.Ledger, m.Lang = verdict.Ledger, lang\n	if MUTANT {\n		m.Ledger = \"\"\n	}"}}},
	{"brake never set", []edit{{pacer,
		"	err := p.change(ctx, func(pace message.Pace) message.Pace { return pace.Braked(reason, p.Clock.Real()) })", "	err := p.change(ctx, func(pace message.Pace) message.Pace {\n		if MUTANT {\n			return pace\n		}\n		return pace.Braked(reason, p.Clock.Real())\n	})"}}},
	{"agreeing lifts a bounce", []edit{{addresses,
		"	if x := a.Suppressed; x != nil && x.Reason == consent.SuppressErased && st.Notice != nil {", "	if x := a.Suppressed; x != nil && (MUTANT || x.Reason == consent.SuppressErased && st.Notice != nil) {"}}},
	{"data used that may not be", []edit{{enter,
		"	case !d.in.Live.View.Visible:", "	case !d.in.Live.View.Visible && !MUTANT:"}}},
	{"chores wait for the last of them", []edit{{agendaOf,
		"		if first == 0 || at < first {", "		if first == 0 || (at < first) != MUTANT {"}}},
	{"erased address is anybody's", []edit{{buried,
		"	if o.Suppressed == nil {", "	if o.Suppressed == nil && !MUTANT {"}}},
	{"owner of the address not asked", []edit{{gateRules,
		"	if !in.Due.Service() && (in.Profile.Shared || ownedByAnother(in)) {", "	if !MUTANT && !in.Due.Service() && (in.Profile.Shared || ownedByAnother(in)) {"}}},
	{"brake not asked", []edit{{gateRules,
		"	if left <= 0 {", "	if left <= 0 || MUTANT {"}}},
	{"rate not kept", []edit{{deliverSend,
		"	if !w.admitted {\n", "	if !w.admitted && !MUTANT {\n"}}},
	{"quiet hours not asked", []edit{{gateRules,
		"	if in.Due.Service() || !quietAt(hours, in.Now.In(in.Zone)) {", "	if MUTANT || in.Due.Service() || !quietAt(hours, in.Now.In(in.Zone)) {"}}},
	{"one offset all year", []edit{{gateTime,
		"	m := minute(local)\n", "	if MUTANT {\n		local = local.In(time.FixedZone(\"\", 2*60*60))\n	}\n	m := minute(local)\n"}}},
	{"cap off by one", []edit{{gateTime,
		"perDay < caps.PerDay)", "perDay < caps.PerDay || MUTANT && perDay == caps.PerDay)"}}},
	{"cap of the week forgotten", []edit{{gateTime,
		"(caps.PerWeek == 0 || ", "(MUTANT || caps.PerWeek == 0 || "}}},
	{"claims count for no cap", []edit{{deliverStore,
		"Capped: !v.due.Service(),", "Capped: !v.due.Service() && !MUTANT,"}}},
	{"final states change", []edit{{gateRules,
		"	case stored == nil || stored.State == Held:\n		return true", "	case stored == nil || stored.State == Held || MUTANT:\n		return true"}}},

	{"RUN written whatever stands there", []edit{{advanceWrite,
		"	if err := s.Store.Write(ctx, flow.Put(it, flow.Is(read))); err != nil {",
		"	cond := flow.Is(read)\n	if MUTANT {\n		cond = flow.Any\n	}\n	if err := s.Store.Write(ctx, flow.Put(it, cond)); err != nil {"}}},
	{"PROFILE written whatever stands there", []edit{{advanceWrite,
		"		err = s.Store.Write(ctx, flow.Put(it, flow.Is(c.stored)))",
		"		cond := flow.Is(c.stored)\n		if MUTANT {\n			cond = flow.Any\n		}\n		err = s.Store.Write(ctx, flow.Put(it, cond))"}}},
	{"due removed before the step is finished", []edit{{advanceWrite,
		"		it.IK, it.IS = item.LookList(shard), item.Time(r.LookAt())\n		it.Due = r.Out.Send.Message",
		"		if !MUTANT {\n			it.IK, it.IS = item.LookList(shard), item.Time(r.LookAt())\n		}\n		it.Due = r.Out.Send.Message"}}},
	{"ended passages not kept", []edit{{advanceDo,
		"	if res.Past != nil {", "	if res.Past != nil && !MUTANT {"}}},
	{"outbox cleared too early", []edit{{advanceDo,
		"	if err := s.set(ctx, c, run); err != nil {", "	if err := s.set(ctx, c, run); err != nil && !MUTANT {"}}},
	{"stored facts not put before the timer", []edit{{advanceDo,
		"	if in.Timer {\n		earlier", "	if in.Timer && !MUTANT {\n		earlier"}}},
	{"tombstone not read", []edit{
		{advanceState, "	c.erased = c.gate.Erased != 0\n", "	c.erased = c.gate.Erased != 0 && !MUTANT\n"},
		{"shared/flow/advance/advance.go", "c == nil || in.Epoch < c.epoch {", "c == nil || in.Epoch < c.epoch && !MUTANT {"}}},
	{"exit ends a run whose message is due", []edit{{decide,
		"	if d.run.Out != nil {\n		d.exitLater(f)", "	if d.run.Out != nil && !MUTANT {\n		d.exitLater(f)"}}},
	{"hold forgets the exit", []edit{{decide,
		"		r.Try++\n		r.At, d.changed = d.now, true\n		return nil\n", "		if MUTANT {\n			return d.depart(r.Exiting)\n		}\n		r.Try++\n		r.At, d.changed = d.now, true\n		return nil\n"}}},
	{"facts already seen start again", []edit{{enter,
		"	case d.repeated(f), d.in.Clock", "	case d.repeated(f) && !MUTANT, d.in.Clock"}}},
	{"run takes another's place", []edit{{enter,
		"	case d.run != nil && d.run.State.Live():\n		return NoLive", "	case d.run != nil && d.run.State.Live() && !MUTANT:\n		return NoLive"}}},

	{"error swallowed", []edit{{"functions/journey/handler.go",
		"	if err = h.work(ctx, c); err == nil || !faults.Poison(err) {\n		return err", "	if err = h.work(ctx, c); err == nil || !faults.Poison(err) {\n		if MUTANT {\n			return nil\n		}\n		return err"}}},
	{"report settles nothing unknown", []edit{{"shared/flow/feedback/sent.go",
		"	news := m.State != message.Sent\n", "	news := m.State != message.Sent && !(MUTANT && m.State == message.Unknown)\n"}}},
	{"report before anything is stored forgotten", []edit{{"shared/flow/feedback/sent.go",
		"		if !r.settles(m) {", "		if MUTANT && items[0] == nil || !r.settles(m) {"}}},
	{"times compared instead of epochs", []edit{{"shared/flow/feedback/feedback.go",
		"!ok || of != epoch || gate.Erased != 0 {", "!ok || of != epoch && !MUTANT || gate.Erased != 0 {"}}},
	{"suppression written beside GATE", []edit{{"shared/flow/consents/suppress.go",
		"		if owner.gate.Erased == 0 {", "		if owner.gate.Erased == 0 && !MUTANT {"}}},
	{"owner of a shared address not told", []edit{{"shared/flow/consents/address.go",
		"	for _, owner := range slices.Sorted(maps.Keys(others)) {", "	for _, owner := range slices.Sorted(maps.Keys(others)) {\n		if MUTANT {\n			continue\n		}"}}},
	{"format of a newer release not heeded", []edit{{items,
		"	if i.F > Format {", "	if i.F > Format && !MUTANT {"}}},
	{"retried fault not told again", []edit{{faultsKept,
		"	if read[0] != nil {\n		it := *read[0]", "	if read[0] != nil && !MUTANT {\n		it := *read[0]"}}},
	{"sweep left out", []edit{{"shared/flow/erase/sweep.go",
		"	if err != nil || gates[0] == nil {", "	if err != nil || gates[0] == nil || MUTANT {"}}},
	{"tombstone keeps the gate", []edit{{"shared/flow/erase/bury.go",
		"	return &consent.Gate{Erased: c.now.UnixMilli(), Ledger: c.doc.Ledger}", "	if MUTANT {\n		g := c.doc\n		g.Erased = c.now.UnixMilli()\n		return &g\n	}\n	return &consent.Gate{Erased: c.now.UnixMilli(), Ledger: c.doc.Ledger}"}}},
	{"history of consent forked", []edit{{"shared/flow/consents/round.go",
		"	d.s.gate.Ledger = e.Follow(d.s.gate.Ledger)\n", "	if head := e.Follow(d.s.gate.Ledger); !MUTANT || head.N < 3 {\n		d.s.gate.Ledger = head\n	}\n"}}},
}
