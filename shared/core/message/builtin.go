package message

import "github.com/kesher-io/kesher/shared/core/plan"

// Names of the templates that are part of the product.
const (
	TemplateConfirm = "kesher-confirm" // double opt-in: free of promotion (A13)
	TemplateLink    = "kesher-link"    // a fresh link to the preference page
)

// BuiltinTemplates are the mails of the built-in journeys `confirm` and `link`,
// in every language of the product's own pages. They read run.action_url, the link of
// the button, and run.action_text, what pressing it agrees to ("": nothing).
func BuiltinTemplates() []TemplateSource {
	return []TemplateSource{
		{
			Name: TemplateConfirm,
			Subject: plan.Text{
				"en": "Please confirm your " + either("request to", "address for") + " {{ brand.name }}",
				"he": "נא לאשר את " + either("הבקשה שלך אל", "הכתובת שלך עבור") + " {{ brand.name }}",
			},
			HTML: map[string]string{
				"en": either(letter("Please confirm your request",
					"Someone, probably you, asked {{ brand.name }} for this, at this address:</p>"+quoted+"<p>Nothing of it will be sent before you confirm.",
					"Yes, I want this",
					"If it was not you, do nothing: without a confirmation the request is forgotten."),
					letter("Please confirm your address",
						"Someone, probably you, asked {{ brand.name }} to write to this address. Nothing will be sent before you confirm.",
						"Confirm my address",
						"If it was not you, do nothing: without a confirmation this address is forgotten.")),
				"he": either(letter("נא לאשר את הבקשה",
					"מישהו, כנראה את או אתה, ביקש זאת מ {{ brand.name }} בכתובת זו:</p>"+quoted+"<p>דבר מזה לא יישלח לפני האישור.",
					"כן, זה מה שביקשתי",
					"אם לא ביקשת זאת, אין צורך לעשות דבר: בלי אישור הבקשה תימחק."),
					letter("נא לאשר את הכתובת",
						"מישהו, כנראה את או אתה, ביקש מ {{ brand.name }} לכתוב לכתובת זו. דבר לא יישלח לפני האישור.",
						"אישור הכתובת",
						"אם לא ביקשת זאת, אין צורך לעשות דבר: בלי אישור הכתובת תימחק.")),
			},
		},
		{
			Name: TemplateLink,
			Subject: plan.Text{
				"en": "Your link to your preferences at {{ brand.name }}",
				"he": "הקישור להעדפות שלך אצל {{ brand.name }}",
			},
			HTML: map[string]string{
				"en": letter("Your preferences",
					"This link opens the page where you see what {{ brand.name }} knows about you, and change or delete it. It works once, for 30 minutes.",
					"Open my preferences",
					"If you did not ask for it, do nothing: nobody else has this link."),
				"he": letter("ההעדפות שלך",
					"הקישור פותח את הדף שבו אפשר לראות מה {{ brand.name }} יודע עליך, לשנות או למחוק. הוא פועל פעם אחת, במשך 30 דקות.",
					"פתיחת ההעדפות שלי",
					"אם לא ביקשת זאת, אין צורך לעשות דבר: לאיש מלבדך אין הקישור."),
			},
		},
	}
}

// either is one text where something is agreed to, and another where nothing is.
func either(agrees, not string) string {
	return `{% if run.action_text != "" %}` + agrees + `{% else %}` + not + `{% endif %}`
}

const quoted = `<p dir="auto" style="margin:0 0 24px;padding:12px 16px;border:1px solid #d1d5db;border-radius:6px;background-color:#f3f4f6;">{{ run.action_text }}</p>`

// letter is the body of a short mail with one button. #ffffff on #1d4ed8 is 6.7:1.
func letter(title, text, button, note string) string {
	return `<table role="presentation" width="100%" border="0" cellpadding="0" cellspacing="0" style="background-color:#ffffff;color:#1f2937;">` +
		`<tr><td align="center" style="padding:32px 16px;">` +
		`<table role="presentation" width="100%" border="0" cellpadding="0" cellspacing="0" style="max-width:520px;font-family:Arial,Helvetica,sans-serif;font-size:16px;line-height:25px;">` +
		`<tr><td>` +
		`<h1 style="margin:0 0 16px;font-size:24px;line-height:31px;">` + title + `</h1>` +
		`<p style="margin:0 0 24px;">` + text + `</p>` +
		`<p style="margin:0 0 24px;"><a href="{{ run.action_url }}" style="display:inline-block;padding:12px 24px;border-radius:6px;background-color:#1d4ed8;color:#ffffff;text-decoration:none;font-weight:bold;">` + button + `</a></p>` +
		`<p style="margin:0;font-size:14px;line-height:21px;color:#4b5563;">` + note + `</p>` +
		`</td></tr></table></td></tr></table>`
}
