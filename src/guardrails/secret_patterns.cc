#include "guardrails/secret_patterns.h"

namespace rage::guardrails {
namespace {

using enum SecretShape;

// A value given to a name, as code, configuration and shells write it.
#define ASSIGNED(name) \
  R"re((?i)\b)re" name R"re([\w.-]{0,30}["']?\s{0,3}(?::=|=>|[:=])\s{0,3}["']?)re"

constexpr SecretPattern kPatterns[] = {
    {"private key", kWhole,
     R"(-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----)"
     R"((?:(?:(?:\s|\\n)+[A-Za-z0-9+/=]{16,})+(?:(?:\s|\\n)+[A-Za-z0-9+/=]{1,15}\b={0,2})?)"
     R"((?:(?:\s|\\n)*-----END (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----)?)?)"},
    {"PuTTY key", kWhole, R"(PuTTY-User-Key-File-[23])"},
    {"JSON web token", kWhole,
     R"(\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}(?:\.[A-Za-z0-9_-]*)?)"},
    {"bearer", kGroup, R"((?i)\bbearer\s{1,3}([a-z0-9._~+/-]{20,}=*))"},
    {"basic authorization", kGroup, R"((?i)\bauthorization:\s{0,3}basic\s{1,3}([a-z0-9+/]{8,}=*))"},
    {"password in a URL", kGroup,
     R"([A-Za-z][A-Za-z0-9+.-]*://[^\s/:@"']{1,100}:([^\s/:@"']{3,100})@)"},
    {"age", kWhole, R"(\bAGE-SECRET-KEY-1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}\b)"},
    // Clouds.
    {"AWS access key", kWhole,
     R"(\b(?:A3T[A-Z0-9]|AKIA|ABIA|ACCA|AGPA|AIDA|AROA|ASIA)[A-Z0-9]{16}\b)"},
    {"AWS secret key", kGroup,
     R"((?i)\baws_?[a-z_]{0,20}(?:key|token|secret)[a-z_]{0,10}["']?\s{0,3}[:=]\s{0,3}["']?)"
     R"(([A-Za-z0-9/+=]{40,})\b)"},
    {"AWS Bedrock", kWhole, R"(\bABSK[A-Za-z0-9+/]{109,}={0,2})"},
    {"Azure storage", kGroup, R"((?i)\bAccountKey=([a-z0-9+/]{80,}={0,2}))"},
    {"Azure shared access", kGroup, R"((?i)\bSharedAccessKey=([a-z0-9+/]{40,}={0,2}))"},
    {"Azure signature", kGroup, R"([?&]sig=([A-Za-z0-9%+/]{40,}))"},
    {"Azure client secret", kWhole, R"(\b[A-Za-z0-9_~.]{3}[78]Q~[A-Za-z0-9_~.-]{31,34})"},
    {"Google API key", kWhole, R"(\bAIza[A-Za-z0-9_-]{35}\b)"},
    {"Google OAuth secret", kWhole, R"(\bGOCSPX-[A-Za-z0-9_-]{28}\b)"},
    {"Google OAuth token", kWhole, R"(\bya29\.[A-Za-z0-9_-]{20,})"},
    {"DigitalOcean", kWhole, R"(\bdo[opr]_v1_[a-f0-9]{64}\b)"},
    {"Alibaba", kWhole, R"(\bLTAI[A-Za-z0-9]{12,20}\b)"},
    {"Tencent", kWhole, R"(\bAKID[A-Za-z0-9]{32}\b)"},
    {"Yandex", kWhole, R"(\bAQVN[A-Za-z0-9_-]{35,38}\b)"},
    {"Yandex access", kWhole, R"(\bt1\.[A-Z0-9a-z_-]+={0,2}\.[A-Z0-9a-z_-]{86}={0,2})"},
    {"Scaleway", kWhole, R"(\bSCW[A-Z0-9]{17}\b)"},
    {"IBM Cloud", kGroup, ASSIGNED("(?:ibm|iam|cos)_?") R"(([a-z0-9_-]{44})\b)"},
    {"Cloudflare origin", kWhole, R"(\bv1\.0-[a-f0-9]{24}-[a-f0-9]{146}\b)"},
    {"Fly.io", kWhole, R"(\bfo1_[A-Za-z0-9_-]{43}\b)"},
    {"Heroku", kWhole, R"(\bHRKU-AA[0-9A-Za-z_-]{58}\b)"},
    {"Netlify", kWhole, R"(\bnfp_[A-Za-z0-9]{36}\b)"},
    {"Vault", kWhole, R"(\bhv[sbr]\.[A-Za-z0-9_-]{24,})"},
    {"Terraform Cloud", kWhole, R"(\b[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9=_-]{60,})"},
    {"Pulumi", kWhole, R"(\bpul-[a-f0-9]{40}\b)"},
    {"Doppler", kWhole, R"(\bdp\.(?:pt|st|ct|sa|scim|audit)\.[A-Za-z0-9._-]{40,})"},
    {"Infracost", kWhole, R"(\bico-[A-Za-z0-9]{32}\b)"},
    {"1Password", kWhole, R"(\bops_eyJ[A-Za-z0-9+/]{200,}={0,3})"},
    {"Kubernetes bootstrap", kGroup, ASSIGNED("token") R"(([a-z0-9]{6}\.[a-z0-9]{16})\b)"},
    {"OpenShift", kWhole, R"(\bsha256~[A-Za-z0-9_-]{43}\b)"},
    {"Tailscale", kWhole, R"(\btskey-[a-z]+-[A-Za-z0-9]+-[A-Za-z0-9]{10,})"},
    // Code and packages.
    {"GitHub", kWhole, R"(\bgh[pousr]_[A-Za-z0-9]{20,}\b)"},
    {"GitHub fine-grained", kWhole, R"(\bgithub_pat_[A-Za-z0-9_]{22,}\b)"},
    {"GitLab", kWhole,
     R"(\bgl(?:pat|dt|rt|ptt|ft|soat|cbt|agent|oas|imt|ffct)-[A-Za-z0-9_.-]{20,})"},
    {"GitLab runner", kWhole, R"(\bGR1348941[A-Za-z0-9_-]{20,})"},
    {"Bitbucket", kWhole, R"(\bATBB[A-Za-z0-9]{32}\b)"},
    {"Atlassian", kWhole, R"(\bATATT3[A-Za-z0-9_=-]{100,})"},
    {"npm", kWhole, R"(\bnpm_[A-Za-z0-9]{36}\b)"},
    {"npm registry", kGroup, R"(_authToken\s{0,3}=\s{0,3}([A-Za-z0-9_-]{16,}))"},
    {"PyPI", kWhole, R"(\bpypi-AgE[A-Za-z0-9_-]{50,})"},
    {"RubyGems", kWhole, R"(\brubygems_[a-f0-9]{48}\b)"},
    {"crates.io", kWhole, R"(\bcio[A-Za-z0-9]{32}\b)"},
    {"NuGet", kWhole, R"(\boy2[a-z0-9]{43}\b)"},
    {"Clojars", kWhole, R"(\bCLOJARS_[a-z0-9]{60}\b)"},
    {"Docker Hub", kWhole, R"(\bdckr_(?:pat|oat)_[A-Za-z0-9_-]{27,})"},
    {"Artifactory", kWhole, R"(\bAKC[A-Za-z0-9]{60,}\b)"},
    {"JFrog reference", kWhole, R"(\bcmVmdGtu[A-Za-z0-9]{56}\b)"},
    {"Postman", kWhole, R"(\bPMAK-[a-f0-9]{24}-[a-f0-9]{34}\b)"},
    {"Sentry", kWhole, R"(\bsntry[su]_[A-Za-z0-9+/=_-]{60,})"},
    {"SonarQube", kWhole, R"(\bsq[upa]_[A-Za-z0-9]{40}\b)"},
    {"Snyk", kGroup,
     ASSIGNED("snyk") R"(([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\b)"},
    {"Databricks", kWhole, R"(\bdapi[a-f0-9]{32}(?:-\d)?\b)"},
    {"PlanetScale", kWhole, R"(\bpscale_(?:tkn|pw|oauth)_[A-Za-z0-9_.=-]{32,})"},
    {"Supabase", kWhole, R"(\bsbp_[a-f0-9]{40}\b)"},
    {"Prefect", kWhole, R"(\bpnu_[A-Za-z0-9]{36}\b)"},
    {"ReadMe", kWhole, R"(\brdme_[a-z0-9]{70}\b)"},
    {"Typeform", kWhole, R"(\btfp_[A-Za-z0-9_.=-]{59}\b)"},
    {"Linear", kWhole, R"(\blin_(?:api|oauth)_[A-Za-z0-9]{40,}\b)"},
    {"Notion", kWhole, R"(\b(?:ntn_[A-Za-z0-9]{40,}|secret_[A-Za-z0-9]{43})\b)"},
    {"Airtable", kWhole, R"(\bpat[A-Za-z0-9]{14}\.[a-f0-9]{64}\b)"},
    {"Figma", kWhole, R"(\bfigd_[A-Za-z0-9_-]{40,})"},
    {"Dynatrace", kWhole, R"(\bdt0[a-z]\d{2}\.[A-Z0-9]{24}\.[A-Z0-9]{64}\b)"},
    {"Grafana", kWhole, R"(\bgl(?:c|sa)_[A-Za-z0-9+/=_]{32,})"},
    {"New Relic", kWhole, R"(\b(?:NRAK-[A-Z0-9]{27}|NRJS-[a-f0-9]{19}|NRII-[A-Za-z0-9-]{32})\b)"},
    {"Datadog", kGroup, ASSIGNED("(?:datadog|dd)_?") R"(([a-f0-9]{40}|[a-f0-9]{32})\b)"},
    {"Adafruit", kWhole, R"(\baio_[A-Za-z0-9]{28}\b)"},
    {"Frame.io", kWhole, R"(\bfio-u-[A-Za-z0-9_=-]{64})"},
    {"EasyPost", kWhole, R"(\bEZ[AT]K[A-Za-z0-9]{54}\b)"},
    {"Duffel", kWhole, R"(\bduffel_(?:test|live)_[A-Za-z0-9_=-]{43})"},
    // Models.
    {"OpenAI", kWhole, R"((?i)\bsk-[a-z0-9_-]{20,})"},
    {"Hugging Face", kWhole, R"(\b(?:hf_[A-Za-z0-9]{34}|api_org_[A-Za-z0-9]{34})\b)"},
    {"Groq", kWhole, R"(\bgsk_[A-Za-z0-9]{40,}\b)"},
    {"Perplexity", kWhole, R"(\bpplx-[A-Za-z0-9]{40,}\b)"},
    {"Replicate", kWhole, R"(\br8_[A-Za-z0-9]{37}\b)"},
    {"xAI", kWhole, R"(\bxai-[A-Za-z0-9]{70,}\b)"},
    {"NVIDIA", kWhole, R"(\bnvapi-[A-Za-z0-9_-]{60,})"},
    {"LangSmith", kWhole, R"(\blsv2_(?:pt|sk)_[a-f0-9]{32}_[a-f0-9]{10}\b)"},
    {"Tavily", kWhole, R"(\btvly-[A-Za-z0-9-]{32,}\b)"},
    // Money, messages, shops.
    {"Stripe", kWhole, R"(\b(?:sk|rk|pk)_(?:test|live|prod)_[A-Za-z0-9]{10,}\b)"},
    {"Stripe webhook", kWhole, R"(\bwhsec_[A-Za-z0-9+/=]{24,})"},
    {"Square", kWhole, R"(\b(?:sq0(?:atp|csp|idp)-[A-Za-z0-9_-]{22,43}|EAAA[A-Za-z0-9_-]{60}))"},
    {"PayPal Braintree", kWhole, R"(\baccess_token\$production\$[a-z0-9]{16}\$[a-f0-9]{32}\b)"},
    {"Plaid", kWhole, R"(\baccess-(?:sandbox|development|production)-[0-9a-f]{8}-[0-9a-f-]{27}\b)"},
    {"Flutterwave", kWhole, R"(\bFLW(?:PUBK|SECK)_TEST-[a-h0-9]{32}-X\b)"},
    {"Shopify", kWhole, R"(\bshp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}\b)"},
    {"Slack token", kWhole, R"(\bxox[abeoprs](?:\.xox[bp])?-[A-Za-z0-9-]{10,})"},
    {"Slack app", kWhole, R"(\bxapp-\d-[A-Z0-9]+-\d+-[a-z0-9]+\b)"},
    {"Slack webhook", kWhole,
     R"(https://hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9+/]{20,})"},
    {"Teams webhook", kWhole,
     R"(https://[a-z0-9-]+\.webhook\.office\.com/webhookb2/[A-Za-z0-9@/-]{40,})"},
    {"Discord bot", kWhole, R"(\b[MNO][A-Za-z\d_-]{23,25}\.[A-Za-z\d_-]{6}\.[A-Za-z\d_-]{27,38})"},
    {"Discord webhook", kWhole,
     R"(https://discord(?:app)?\.com/api/webhooks/\d+/[A-Za-z0-9_-]{40,})"},
    {"Telegram bot", kWhole, R"(\b\d{8,10}:AA[A-Za-z0-9_-]{32,33})"},
    {"Twilio", kWhole, R"(\b(?:AC|SK)[a-f0-9]{32}\b)"},
    {"SendGrid", kWhole, R"(\bSG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43})"},
    {"Mailchimp", kWhole, R"(\b[a-f0-9]{32}-us\d{1,2}\b)"},
    {"Mailgun", kWhole,
     R"(\b(?:key-[a-f0-9]{32}|pubkey-[a-f0-9]{32}|[a-f0-9]{32}-[a-f0-9]{8}-[a-f0-9]{8})\b)"},
    {"Brevo", kWhole, R"(\bxkeysib-[a-f0-9]{64}-[A-Za-z0-9]{16}\b)"},
    {"Shippo", kWhole, R"(\bshippo_(?:live|test)_[a-f0-9]{40}\b)"},
    {"Facebook", kWhole, R"(\bEAA[MC][A-Za-z0-9]{100,})"},
    {"Intra42", kWhole, R"(\bs-s4t2(?:ud|af)-[a-f0-9]{64}\b)"},
    // Whatever is called a secret, and whatever looks like one.
    {"assigned, quoted", kAssigned,
     R"((?i)(?:api_?-?key|app_?key|auth_?token|access_?token|refresh_?token|client_?secret|)"
     R"(secret_?key|private_?key|encryption_?key|password|passwd|passphrase|pwd|secret|)"
     R"(credential|token)["']?\s{0,3}(?::=|=>|={1,3}|:)\s{0,3}["'`]([^"'`\s]{6,200})["'`])"},
    {"assigned", kAssigned,
     R"((?i)\b[a-z_]{0,20}(?:api_?key|auth_?token|access_?token|client_?secret|secret_?key|)"
     R"(password|passwd|passphrase)=([^\s"'`,;&)<>]{6,200}))"},
    {"random, quoted", kRandom, R"(["'`]([A-Za-z0-9+/_=-]{20,400})["'`])"},
};

}  // namespace

const std::span<const SecretPattern> kSecretPatterns = kPatterns;

}  // namespace rage::guardrails
