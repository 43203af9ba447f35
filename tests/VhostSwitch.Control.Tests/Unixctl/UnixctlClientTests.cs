using System.Net.Sockets;
using System.Text;
using VhostSwitch.Control.Unixctl;

namespace VhostSwitch.Control.Tests.Unixctl;

public class UnixctlClientTests
{
    private const int LimitMs = 20_000;

    [Fact(Timeout = LimitMs)]
    public async Task CallsAgainAndAgain()
    {
        await using var test = TestServer.Start();
        using var client = await UnixctlClient.ConnectAsync(test.Path);
        Assert.Equal("one\n", await client.CallAsync("echo", ["one"]));
        Assert.Equal("why", (await Assert.ThrowsAsync<UnixctlCommandException>(() => client.CallAsync("refuse", ["why"]))).Message);
        Assert.Equal("two|{\"}ü\n", await client.CallAsync("echo", ["two", "{\"}ü"]));
    }

    [Fact(Timeout = LimitMs)]
    public async Task SaysThatThereIsNoSocket()
    {
        using var folder = new TempFolder();
        Assert.Equal($"there is no control socket {folder.File("ctl")}", await ErrorAsync(folder.File("ctl")));
    }

    [Fact(Timeout = LimitMs)]
    public async Task SaysThatNobodyListens()
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder.File("ctl"), "");
        Assert.Equal($"nobody listens at {folder.File("ctl")}", await ErrorAsync(folder.File("ctl")));
    }

    [Fact(Timeout = LimitMs)]
    public async Task ConnectsToTheFirstThatListens()
    {
        await using var test = TestServer.Start();
        using var client = await UnixctlClient.ConnectToFirstAsync([test.Path + "-missing", test.Path]);
        Assert.Equal("x\n", await client.CallAsync("echo", ["x"]));
    }

    [Fact(Timeout = LimitMs)]
    public async Task NamesEveryPlaceWhereNobodyListens()
    {
        using var folder = new TempFolder();
        var error = await Assert.ThrowsAsync<UnixctlException>(() => UnixctlClient.ConnectToFirstAsync([folder.File("a"), folder.File("b")]));
        Assert.StartsWith($"there is no control socket {folder.File("a")}; there is no control socket {folder.File("b")}; is vhost-switch running?",
            error.Message);
    }

    [Theory(Timeout = LimitMs)]
    [InlineData("", "closed the connection without an answer to version")]
    [InlineData("SSH-2.0", "does not begin with '{'")]
    [InlineData("{\"id\":0,\"result\":\"x\"}", "the reply is none to this request")]
    [InlineData("{\"id\":1,\"result\":\"x\",\"error\":null}", "the reply is none to this request")]
    [InlineData("{\"id\":0,\"result\":null,\"error\":null}", "the reply is none to this request")]
    [InlineData("{\"id\":0,\"result\":\"\\ud800\",\"error\":null}", "no text")]
    [InlineData("{\"id\":0,\"result\":\"x", "ended within a message")]
    public async Task RefusesAServerThatDoesNotSpeakTheProtocol(string reply, string words)
    {
        using var folder = new TempFolder();
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(folder.File("ctl")));
        listener.Listen();
        using var client = await UnixctlClient.ConnectAsync(folder.File("ctl"));
        var call = client.CallAsync("version", []);
        using (var server = await listener.AcceptAsync())
        {
            await server.ReceiveAsync(new byte[1000]);
            await server.SendAsync(Encoding.UTF8.GetBytes(reply));
        }
        Assert.Contains(words, (await Assert.ThrowsAsync<UnixctlException>(() => call)).Message);
    }

    private static async Task<string> ErrorAsync(string path) =>
        (await Assert.ThrowsAsync<UnixctlException>(() => UnixctlClient.ConnectAsync(path))).Message;
}
