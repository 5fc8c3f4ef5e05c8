package item

// Names of the attributes of an item, the same in the table and in its stream.
// Doc holds the document as text; every attribute that is not named here is a
// counter.
const (
	AttrPK    = "pk"
	AttrSK    = "sk"
	AttrV     = "v"
	AttrW     = "w"
	AttrEpoch = "e"
	AttrF     = "f"
	AttrIK    = "ik"
	AttrIS    = "is"
	AttrTTL   = "ttl"
	AttrDue   = "due"
	AttrDoc   = "d"
	AttrTrace = "t"
)
