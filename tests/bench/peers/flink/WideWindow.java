import com.fasterxml.jackson.databind.JsonNode;
import java.io.Serializable;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A window of a feature definition: `[start, end)` as a function of as-of, microseconds. */
record WideWindow(Kind kind, long sizeUs, long stepUs, long back) implements Serializable {
  enum Kind {SLIDING, TUMBLING, HOPPING, SESSION, LIFETIME}

  private static final Pattern DURATION = Pattern.compile("([1-9][0-9]*)(us|ms|s|m|h|d|w)");
  private static final Map<String, Long> UNIT_US = Map.of("us", 1L, "ms", 1000L, "s", 1_000_000L, "m", 60_000_000L,
      "h", 3_600_000_000L, "d", 86_400_000_000L, "w", 604_800_000_000L);

  static WideWindow of(JsonNode json) {
    if (json.has("tumbling")) {
      long sizeUs = us(json.get("tumbling"));
      return new WideWindow(Kind.TUMBLING, sizeUs, sizeUs, json.path("back").asLong());
    }
    if (json.has("hopping")) return new WideWindow(Kind.HOPPING, us(json.get("hopping")), us(json.get("every")), 0);
    // the step of a session is its gap
    if (json.has("session")) {
      return new WideWindow(Kind.SESSION, json.has("max") ? us(json.get("max")) : Long.MAX_VALUE, us(json.get("session")), 0);
    }
    if (json.asText().equals("lifetime")) return new WideWindow(Kind.LIFETIME, Long.MAX_VALUE, 0, 0);
    return new WideWindow(Kind.SLIDING, us(json), 0, 0);
  }

  private static long us(JsonNode duration) {
    Matcher parts = DURATION.matcher(duration.asText());
    if (!parts.matches()) throw new IllegalArgumentException("no duration: " + duration);
    return Long.parseLong(parts.group(1)) * UNIT_US.get(parts.group(2));
  }

  /** Of a session, what its chain may reach. */
  long startUs(long asOfUs) {
    return switch (kind) {
      case SLIDING -> asOfUs - sizeUs;
      case TUMBLING -> Math.floorDiv(asOfUs, stepUs) * stepUs - back * sizeUs;
      case HOPPING -> Math.floorDiv(asOfUs, stepUs) * stepUs - sizeUs;
      case SESSION, LIFETIME -> sizeUs == Long.MAX_VALUE ? Long.MIN_VALUE : asOfUs - sizeUs;
    };
  }

  long endUs(long asOfUs) {
    return switch (kind) {
      case TUMBLING -> back == 0 ? asOfUs : startUs(asOfUs) + sizeUs;
      case HOPPING -> Math.floorDiv(asOfUs, stepUs) * stepUs;
      case SLIDING, SESSION, LIFETIME -> asOfUs;
    };
  }
}
