using System.Text;
using System.Text.Json;
using VhostSwitch.Control.Unixctl;

namespace VhostSwitch.Control.Tests.Unixctl;

public class JsonRpcReaderTests
{
    private const int Limit = 100;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(7)]
    [InlineData(1000)]
    public async Task CutsTheStreamIntoObjectsHoweverItArrives(int bytesARead)
    {
        string[] objects = ["""{"a":1}""", """{"b":"}{\"ü"}""", """{"c":{"d":[1,2]}}""", "{}"];
        var reader = Reader(string.Join("", objects[..2]) + "\n  " + string.Join(" ", objects[2..]) + " \r\n\t", bytesARead);
        foreach (string expected in objects)
        {
            var read = await reader.ReadAsync(default);
            Assert.True(JsonElement.DeepEquals(JsonElement.Parse(expected), read!.Value), $"{read} instead of {expected}");
        }
        Assert.Null(await reader.ReadAsync(default));
    }

    [Theory]
    [InlineData("{\"a\":1", "ended within a message")]
    [InlineData("hello", "does not begin with '{'")]
    [InlineData("[1]", "does not begin with '{'")]
    [InlineData("17", "does not begin with '{'")]
    [InlineData("{}x{}", "does not begin with '{'", 1)]
    [InlineData("{\"a\":tru}", "no JSON")]
    [InlineData("{\"a\" 1}", "no JSON")]
    [InlineData("{'a':1}", "no JSON")]
    [InlineData("{\u0001}", "no JSON")]
    public async Task RefusesGarbage(string text, string words, int objectsBefore = 0)
    {
        var reader = Reader(text, 3);
        for (int i = 0; i < objectsBefore; i++)
            await reader.ReadAsync(default);
        Assert.Contains(words, (await Assert.ThrowsAsync<UnixctlException>(async () => await reader.ReadAsync(default))).Message);
    }

    [Fact]
    public async Task RefusesDeepNesting() => await Assert.ThrowsAsync<UnixctlException>(
        async () => await Reader("{\"a\":" + new string('[', 90), 1000).ReadAsync(default));

    [Fact]
    public async Task TakesAnObjectOfTheLongestSize() => Assert.NotNull(await Reader(ObjectOf(Limit), 9).ReadAsync(default));

    [Fact]
    public async Task RefusesALongerOne() =>
        Assert.Contains($"more than {Limit} bytes",
            (await Assert.ThrowsAsync<UnixctlException>(async () => await Reader(ObjectOf(Limit + 1), 9).ReadAsync(default))).Message);

    [Fact]
    public async Task WhiteSpaceDoesNotAddUp() => Assert.NotNull(await Reader(new string(' ', 10 * Limit) + "{}", 9).ReadAsync(default));

    private static string ObjectOf(int bytes) => $$"""{"a":"{{new string('x', bytes - 8)}}"}""";

    private static JsonRpcReader Reader(string text, int bytesARead) => new(new SlowStream(Encoding.UTF8.GetBytes(text), bytesARead), Limit);

    /// <summary>Gives a few bytes a read, as a socket may.</summary>
    private sealed class SlowStream(byte[] bytes, int bytesARead) : MemoryStream(bytes)
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            base.ReadAsync(buffer[..Math.Min(bytesARead, buffer.Length)], cancellationToken);
    }
}
