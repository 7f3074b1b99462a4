package bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.File;
import java.io.IOException;
import java.util.Locale;
import java.util.function.UnaryOperator;

/** The job file, and the ways in which a run ends. */
public final class Spec {
  public final JsonNode json;
  public final String workload, mode, bootstrap, topic, out, work;
  public final long[] partitions;
  public final long events, lateUs, limitS;
  public final int threads;

  private Spec(JsonNode json, UnaryOperator<String> defaultMode) {
    this.json = json;
    workload = json.get("workload").asText();
    mode = json.hasNonNull("mode") ? json.get("mode").asText() : defaultMode.apply(workload);
    bootstrap = json.get("bootstrap").asText();
    topic = json.get("topic").asText();
    out = json.get("out").get("topic").asText();
    work = new File(json.get("work").asText()).getAbsolutePath();
    partitions = new long[json.get("partitions").size()];
    for (int p = 0; p < partitions.length; p++) partitions[p] = json.get("partitions").get(p).asLong();
    events = json.get("events").asLong();
    lateUs = json.get("late_us").asLong();
    limitS = json.get("limit_s").asLong();
    threads = json.get("threads").asInt();
  }

  /** Reads the job file (`defaultMode`: of a workload, where the file names no mode), and from then on ends the process with a line of why once its time is over. */
  public static Spec start(String path, UnaryOperator<String> defaultMode) throws IOException {
    Spec spec = new Spec(new ObjectMapper().readTree(new File(path)), defaultMode);
    Thread watchdog = new Thread(() -> {
      try {
        // ahead of the runner's own limit, so that the reason is said
        Thread.sleep(Math.max(1, spec.limitS - 5) * 1000);
      } catch (InterruptedException end) {
        return;
      }
      fail("not done within limit_s = " + spec.limitS);
    });
    watchdog.setDaemon(true);
    watchdog.start();
    return spec;
  }

  /** Halts, since an orderly end of a peer that has failed may itself hang. */
  public static void fail(String why) {
    System.err.println(why.replace('\n', ' '));
    System.err.flush();
    Runtime.getRuntime().halt(1);
  }

  public static void fail(Throwable error) {
    error.printStackTrace();
    Throwable cause = error;
    while (cause.getCause() != null) cause = cause.getCause();
    fail(String.valueOf(cause));
  }

  /** Prints the result line; `members` are further members, as JSON, or empty. */
  public static void result(long events, long nanos, long late, String version, String members) {
    System.out.printf(Locale.ROOT, "RESULT {\"events\": %d, \"seconds\": %.3f, \"late\": %d, \"version\": \"%s\"%s}%n",
        events, nanos / 1e9, late, version, members.isEmpty() ? "" : ", " + members);
    System.out.flush();
  }
}
