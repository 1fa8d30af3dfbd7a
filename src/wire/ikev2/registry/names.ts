import { namer } from "../../registry.ts";
import { cpAttribute, cpType } from "./configuration.ts";
import { authMethod, certEncoding, eapCode, idType } from "./identity.ts";
import { exchangeType, payloadType, protocolId } from "./message.ts";
import { hashAlgorithm, notifyType } from "./notify.ts";
import { tsType } from "./selector.ts";
import { encrId, esnId, integId, keId, prfId, transformType } from "./transform.ts";

const keyExchange = namer("key exchange", keId);

const transformNames = new Map<number, (id: number) => string>([
  [transformType.ENCR, namer("encryption", encrId)],
  [transformType.PRF, namer("PRF", prfId)],
  [transformType.INTEG, namer("integrity", integId)],
  [transformType.ESN, namer("sequence numbers", esnId)],
  [transformType.KE, keyExchange],
]);
for (let type: number = transformType.ADDKE1; type <= transformType.ADDKE7; type++) {
  transformNames.set(type, keyExchange);
}

/** Prints registered numbers by name, others as such as `notify 40960`. */
export const nameOf = {
  exchange: namer("exchange", exchangeType),
  payload: namer("payload", payloadType),
  protocol: namer("protocol", protocolId),
  notify: namer("notify", notifyType),
  transformType: namer("transform type", transformType),
  /** A transform ID, whose meaning depends on its transform type. */
  transform(type: number, id: number): string {
    return transformNames.get(type)?.(id) ?? `transform type ${type} ID ${id}`;
  },
  encr: namer("encryption", encrId),
  prf: namer("PRF", prfId),
  integ: namer("integrity", integId),
  ke: keyExchange,
  esn: namer("sequence numbers", esnId),
  id: namer("ID type", idType),
  auth: namer("authentication method", authMethod),
  cert: namer("certificate encoding", certEncoding),
  hash: namer("hash", hashAlgorithm),
  ts: namer("traffic selector type", tsType),
  cp: namer("configuration type", cpType),
  cpAttribute: namer("configuration attribute", cpAttribute),
  eap: namer("EAP code", eapCode),
} as const;
