package bench;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.DataInput;
import java.io.DataOutput;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.LocalDate;

/** The members of an envelope that the features need, and the answers so far. */
public final class Event {
  public static final int ANSWERS = 12;
  private static final JsonFactory JSON = new JsonFactory();
  private static final long DAY_S = 86_400;

  public String id, account, merchant;
  /** Event time, microseconds since 1970 UTC. */
  public long timeUs;
  public long cents;
  /** Partition and offset in one number: the order of events of the same time. */
  public long position;
  /** Count and sum for each window, of the account, then of the merchant. */
  public final long[] answers = new long[ANSWERS];
  /** Answers of the workload `wide` so far, as JSON values with commas between them. */
  public String features = "";

  /** Reads an envelope with the streaming parser: what is not asked for is skipped without an object. */
  public static Event parse(byte[] envelope) throws IOException {
    Event event = new Event();
    try (JsonParser json = JSON.createParser(envelope)) {
      json.nextToken();
      while (json.nextToken() == JsonToken.FIELD_NAME) {
        String name = json.currentName();
        JsonToken value = json.nextToken();
        switch (name) {
          case "event_id" -> event.id = json.getText();
          case "ts_utc" -> event.timeUs = micros(json.getTextCharacters(), json.getTextOffset());
          case "payload" -> event.payload(json);
          default -> {
            if (value.isStructStart()) json.skipChildren();
          }
        }
      }
    }
    return event;
  }

  /** The event of a record at its place in the log. */
  public static Event parse(byte[] envelope, int partition, long offset) throws IOException {
    Event event = parse(envelope);
    event.position = (long) partition << 48 | offset;
    return event;
  }

  private void payload(JsonParser json) throws IOException {
    while (json.nextToken() == JsonToken.FIELD_NAME) {
      String name = json.currentName();
      JsonToken value = json.nextToken();
      switch (name) {
        case "account_id" -> account = json.getText();
        case "merchant_id" -> merchant = json.getText();
        case "amount" -> cents = digits(json.getTextCharacters(), json.getTextOffset(), json.getTextLength());
        default -> {
          if (value.isStructStart()) json.skipChildren();
        }
      }
    }
  }

  /** "2026-01-01T00:00:00.000000Z" in microseconds since 1970. */
  private static long micros(char[] c, int at) {
    long day = LocalDate.of((int) digits(c, at, 4), (int) digits(c, at + 5, 2), (int) digits(c, at + 8, 2)).toEpochDay();
    long second = day * DAY_S + digits(c, at + 11, 2) * 3600 + digits(c, at + 14, 2) * 60 + digits(c, at + 17, 2);
    return second * 1_000_000 + digits(c, at + 20, 6);
  }

  /** The number that the digits give without the point: "-12.34" is -1234. */
  private static long digits(char[] c, int at, int length) {
    long number = 0;
    for (int i = at; i < at + length; i++) if (c[i] >= '0' && c[i] <= '9') number = number * 10 + c[i] - '0';
    return c[at] == '-' ? -number : number;
  }

  /** The record of the output topic. */
  public byte[] answer() {
    StringBuilder text = new StringBuilder(160).append("{\"id\":\"").append(id).append("\",\"f\":[");
    for (int i = 0; i < ANSWERS; i++) text.append(i == 0 ? "" : ",").append(answers[i]);
    return text.append("]}").toString().getBytes(StandardCharsets.ISO_8859_1);
  }

  /** The record of the output topic of the workload `wide`. */
  public byte[] wideAnswer() {
    return ("{\"id\":\"" + id + "\",\"f\":[" + features + "]}").getBytes(StandardCharsets.UTF_8);
  }

  /** The binary form between operators, with the answers of the account only: those of the merchant come last. */
  public void write(DataOutput out) throws IOException {
    out.writeUTF(id);
    out.writeUTF(account);
    out.writeUTF(merchant);
    out.writeLong(timeUs);
    out.writeLong(cents);
    out.writeLong(position);
    for (int i = 0; i < ANSWERS / 2; i++) out.writeLong(answers[i]);
    out.writeUTF(features);
  }

  public static Event read(DataInput in) throws IOException {
    Event event = new Event();
    event.id = in.readUTF();
    event.account = in.readUTF();
    event.merchant = in.readUTF();
    event.timeUs = in.readLong();
    event.cents = in.readLong();
    event.position = in.readLong();
    for (int i = 0; i < ANSWERS / 2; i++) event.answers[i] = in.readLong();
    event.features = in.readUTF();
    return event;
  }
}
