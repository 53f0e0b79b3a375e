// `node payer.js CODE SATS strict|lenient [COMMENT]` asks for an invoice and prints what it was told as JSON.
import { requestInvoice, requestPayServiceParams } from "lnurl-pay";

const [code, sats, mode, comment] = process.argv.slice(2);
const offer = await requestPayServiceParams({ lnUrlOrAddress: code });
const told = { offer: { ...offer, rawData: undefined } };
try {
  const answer = await requestInvoice({
    lnUrlOrAddress: code,
    tokens: Number(sats),
    comment,
    validateInvoice: mode === "strict",
  });
  told.invoice = answer.invoice;
  told.amountFits = answer.hasValidAmount;
  told.hashFits = answer.hasValidDescriptionHash;
  told.successAction = answer.successAction;
} catch (refused) {
  told.refused = refused.message;
}
console.log(JSON.stringify(told));
