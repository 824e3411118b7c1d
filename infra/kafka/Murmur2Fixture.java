/** Prints the entries of libs/messaging/src/kafka/murmur2.fixture.ts: java -cp "<jars>/*" infra/kafka/Murmur2Fixture.java */
import java.nio.charset.StandardCharsets;
import java.util.*;
import org.apache.kafka.clients.producer.internals.BuiltInPartitioner;
import org.apache.kafka.common.utils.Utils;

class Murmur2Fixture {
  public static void main(String[] args) {
    Random random = new Random(4);
    List<String> keys = new ArrayList<>(List.of("", "a", "ab", "abc", "abcd", "abcde", "\u00e9", "\u00df", "\u2028", "\ud83d\ude80", "k", "key-1", "\u65e5\u672c\u8a9e", "\ud83d\udc68\u200d\ud83d\udc69\u200d\ud83d\udc67", "\u0001", "\u007f\u0080\u07ff\u0800\uffff"));
    while (keys.size() < 600) keys.add(new UUID(random.nextLong(), random.nextLong()).toString());
    while (keys.size() < 800) keys.add("key-" + keys.size());
    while (keys.size() < 1000) {
      int length = random.nextInt(24);
      StringBuilder key = new StringBuilder();
      for (int i = 0; i < length; i++) {
        int code = random.nextInt(3) == 0 ? 0x20 + random.nextInt(0x2000) : 0x21 + random.nextInt(0x5d);
        if (code != '\\' && code != '"') key.appendCodePoint(code);
      }
      keys.add(key.toString());
    }
    StringBuilder out = new StringBuilder();
    for (String key : keys) {
      byte[] bytes = key.getBytes(StandardCharsets.UTF_8);
      StringBuilder json = new StringBuilder();
      for (char c : key.toCharArray()) json.append(c < 0x20 || c > 0x7e || c == '"' || c == '\\' || c == '\'' ? String.format("\\u%04x", (int) c) : String.valueOf(c));
      out.append(String.format("  ['%s', %d, %d],%n", json, Utils.murmur2(bytes), BuiltInPartitioner.partitionForKey(bytes, 8)));
    }
    System.out.print(out);
  }
}
