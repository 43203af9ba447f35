using System.Text.Json;
using VhostSwitch.Control.Show;
using VhostSwitch.Control.Unixctl;

namespace VhostSwitch.Control.Tests.Unixctl;

public class JsonRpcReplyTests
{
    private static readonly JsonElement Id = JsonDocument.Parse("3").RootElement;

    [Theory]
    [InlineData("")]
    [InlineData("one line")]
    [InlineData("a line and its end\n")]
    [InlineData("\"quotes\", \u00e4, \ud83d\ude00")]
    public void ReadsWhatItWrites(string text)
    {
        foreach (string result in (string[])[text, string.Concat(Enumerable.Repeat(text, 500))])
        {
            string read = Written(new JsonRpcReply(result, null)).Result!;
            Assert.Equal(result is "" || result.EndsWith('\n') ? result : result + '\n', read);
        }
    }

    [Fact]
    public void AnErrorHasNoResult() => Assert.Equal(new JsonRpcReply(null, "no\n"), Written(new JsonRpcReply(null, "no")));

    /// <summary>What is allocated for answers brings the next collection nearer, which stops poll threads.</summary>
    [Fact]
    public void ALongAnswerAllocatesNotMuchMoreThanItself()
    {
        string json = ShowJson.Write(Enumerable.Repeat(new MacTableEntry("00:01:02:03:04:05", 1000, "vm0", null), 1000).ToArray());
        var reply = new JsonRpcReply(json, null);
        reply.Write(Id);
        long before = GC.GetAllocatedBytesForCurrentThread();
        reply.Write(Id);
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.InRange(allocated, json.Length, 2 * json.Length);
    }

    private static JsonRpcReply Written(JsonRpcReply reply) => JsonRpcReply.Read(JsonDocument.Parse(reply.Write(Id)).RootElement, 3);
}
