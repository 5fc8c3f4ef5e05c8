package collect

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/profile"
)

// subject is whom a call is about: a customer, or a visitor nobody knows.
type subject struct {
	key     string // opaque
	pk      string
	visitor bool
	userID  profile.Secret
	// companion is the visitor's key when a customer's call names one as well.
	companion string
}

var unproven = events.Refuse(events.UserUnproven, "context.userHash", "must prove the userId to a public key")

// who finds the subject of a call. To the public key a userId without proof is
// nobody's: the call is kept as the visitor's, if it names one, and that userId
// is forgotten (I02).
func (s *Service) who(userID, anonymousID events.Personal, c *events.Context, src Source) (subject, *events.Refusal) {
	user, anon := userID.Reveal(), anonymousID.Reveal()
	if user != "" && !s.proven(user, c, src) {
		s.Metrics.Count(metricUnproven, 1)
		if anon == "" {
			return subject{}, unproven
		}
		user = ""
	}
	if user == "" {
		key := s.Keys.Visitor(anon)
		return subject{key: key, pk: item.PrefixVisitor + key, visitor: true}, nil
	}
	who := s.customer(user)
	if anon != "" {
		who.companion = s.Keys.Visitor(anon)
	}
	return who, nil
}

func (s *Service) customer(userID string) subject {
	key := s.Keys.Customer(userID)
	return subject{key: key, pk: item.CustomerPK(key), userID: profile.Secret(userID)}
}

// proven: the call comes from a server, or carries the hash that only the site's
// server can make.
func (s *Service) proven(userID string, c *events.Context, src Source) bool {
	if src.Kind == Server {
		return true
	}
	if c == nil || len(s.Identity) == 0 {
		return false
	}
	given, err := hex.DecodeString(c.UserHash)
	return err == nil && c.UserHash == hex.EncodeToString(given) && hmac.Equal(given, userHash(s.Identity, userID))
}

func userHash(secret []byte, userID string) []byte {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(userID))
	return mac.Sum(nil)
}
