using System.Net.Sockets;
using System.Text;
using VhostSwitch.Control.Unixctl;

namespace VhostSwitch.Control.Tests.Unixctl;

public class UnixctlServerTests
{
    private const int LimitMs = 20_000;

    [Theory(Timeout = LimitMs)]
    [InlineData("""{"id":0,"method":"version","params":[]}""", """{"id":0,"result":"test 1.2\n","error":null}""")]
    [InlineData("""{"params":["a","b"],"method":"echo","id":"x"}""", """{"id":"x","result":"a|b\n","error":null}""")]
    [InlineData("""{"id":1.50,"method":"echo","params":[],"extra":1}""", """{"id":1.50,"result":"","error":null}""")]
    [InlineData("""{"id":[1],"method":"echo","params":["\ud83d\ude00"]}""", """{"id":[1],"result":"\uD83D\uDE00\n","error":null}""")]
    [InlineData("""{"id":2,"method":"refuse","params":["no"]}""", """{"id":2,"result":null,"error":"no\n"}""")]
    public async Task AnswersARequest(string request, string reply)
    {
        await using var test = TestServer.Start();
        Assert.Equal(reply, await test.ExchangeAsync(request));
    }

    [Theory(Timeout = LimitMs)]
    [InlineData("""{"id":0,"method":"nope","params":[]}""",
        "\\\"nope\\\" is not a valid command (use list-commands to see a list of valid commands)")]
    [InlineData("""{"id":0,"method":"refuse","params":[]}""", "\\\"refuse\\\" command requires at least 1 arguments")]
    [InlineData("""{"id":0,"method":"echo","params":["1","2","3"]}""", "\\\"echo\\\" command takes at most 2 arguments")]
    [InlineData("""{"id":0,"method":"echo","params":["1",2]}""", "\\\"echo\\\" command has non-string argument")]
    public async Task RefusesInOpenVswitchsWords(string request, string error)
    {
        await using var test = TestServer.Start();
        Assert.Equal($$"""{"id":0,"result":null,"error":"{{error}}\n"}""", await test.ExchangeAsync(request));
    }

    [Fact(Timeout = LimitMs)]
    public async Task ListsItsCommandsWithTheirUsage()
    {
        await using var test = TestServer.Start();
        using var client = await UnixctlClient.ConnectAsync(test.Path);
        Assert.Equal(
            """
            The available commands are:
              break
              echo                    [WORD]...
              list-commands
              refuse                  WHY
              version

            """,
            await client.CallAsync("list-commands", []));
    }

    [Fact(Timeout = LimitMs)]
    public async Task AnswersSeveralRequestsOfOneConnectionInTheirOrder()
    {
        await using var test = TestServer.Start();
        string requests = string.Concat(Enumerable.Range(0, 5).Select(i => $$"""{"id":{{i}},"method":"echo","params":["{{i}}"]}"""));
        string replies = string.Concat(Enumerable.Range(0, 5).Select(i => $$"""{"id":{{i}},"result":"{{i}}\n","error":null}"""));
        Assert.Equal(replies, await test.ExchangeAsync(requests));
    }

    [Fact(Timeout = LimitMs)]
    public async Task TakesARequestInPieces()
    {
        await using var test = TestServer.Start();
        using var socket = test.Connect();
        foreach (byte b in Encoding.UTF8.GetBytes("""{"id":0,"method":"echo","params":["ü"]}"""))
            await socket.SendAsync(new[] { b });
        byte[] reply = new byte[200];
        int count = await socket.ReceiveAsync(reply);
        Assert.Equal("""{"id":0,"result":"ü\n","error":null}""", Encoding.UTF8.GetString(reply, 0, count));
    }

    [Theory(Timeout = LimitMs)]
    [InlineData("GET / HTTP/1.1\r\n\r\n")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("{\"id\":null,\"method\":\"echo\",\"params\":[]}")]
    [InlineData("{\"id\":0,\"method\":7,\"params\":[]}")]
    [InlineData("{\"id\":0,\"method\":\"echo\",\"params\":{}}")]
    [InlineData("{\"id\":0,\"method\":\"echo\"}")]
    [InlineData("{\"id\":0,\"method\":\"\\ud800\",\"params\":[]}")]
    [InlineData("{\"id\":0,\"method\":\"echo\",\"params\":[\"\\udc00\"]}")]
    [InlineData("{\"id\":0,\"method\":\"echo\",\"par")]
    [InlineData("\u0000\u0001\u0002")]
    public async Task WhoBreaksTheProtocolLosesOnlyTheOwnConnection(string garbage)
    {
        await using var test = TestServer.Start();
        using var other = await UnixctlClient.ConnectAsync(test.Path);
        Assert.Equal("", await test.ExchangeAsync(garbage));
        Assert.Equal("still\n", await other.CallAsync("echo", ["still"]));
        Assert.Empty(test.Faults);
    }

    [Fact(Timeout = LimitMs)]
    public async Task ARequestThatIsTooLongLosesTheConnection()
    {
        await using var test = TestServer.Start();
        using var socket = test.Connect();
        byte[] endless = Encoding.UTF8.GetBytes("{\"a\":\"" + new string('x', UnixctlServer.MaxRequestBytes));
        await socket.SendAsync(endless);
        await AssertClosedAsync(socket);
    }

    [Fact(Timeout = LimitMs)]
    public async Task WhoDoesNotReadItsRepliesHoldsUpNobodyElse()
    {
        string large = new('x', 8 * 1024 * 1024);
        await using var test = TestServer.Start(TimeSpan.Zero, new UnixctlCommand("large", "", 0, 0, _ => ValueTask.FromResult(large)));
        using var silent = test.Connect();
        await silent.SendAsync(Encoding.UTF8.GetBytes("""{"id":0,"method":"large","params":[]}"""));
        using var other = await UnixctlClient.ConnectAsync(test.Path);
        Assert.Equal("here\n", await other.CallAsync("echo", ["here"]));
        Assert.Equal(large.Length + 1, (await other.CallAsync("large", [])).Length);
    }

    [Fact(Timeout = LimitMs)]
    public async Task AFaultOfAHandlerIsToldAndTheConnectionGoesOn()
    {
        await using var test = TestServer.Start();
        using var client = await UnixctlClient.ConnectAsync(test.Path);
        var refused = await Assert.ThrowsAsync<UnixctlCommandException>(() => client.CallAsync("break", []));
        Assert.Equal("\"break\" failed: a fault", refused.Message);
        Assert.IsType<InvalidOperationException>(Assert.Single(test.Faults));
        Assert.Equal("on\n", await client.CallAsync("echo", ["on"]));
    }

    [Fact(Timeout = LimitMs)]
    public async Task AHandlerThatWaitsHoldsUpNobodyElse()
    {
        var gate = new TaskCompletionSource<string>();
        await using var test = TestServer.Start(new UnixctlCommand("wait", "", 0, 0, async _ => await gate.Task));
        using var waiting = await UnixctlClient.ConnectAsync(test.Path);
        using var other = await UnixctlClient.ConnectAsync(test.Path);
        var answer = waiting.CallAsync("wait", []);
        Assert.Equal("now\n", await other.CallAsync("echo", ["now"]));
        Assert.False(answer.IsCompleted);
        gate.SetResult("then");
        Assert.Equal("then\n", await answer);
    }

    [Fact(Timeout = LimitMs)]
    public async Task MoreConnectionsThanItServesWaitForOneToEnd()
    {
        await using var test = TestServer.Start();
        var clients = new List<UnixctlClient>();
        for (int i = 0; i < UnixctlServer.MaxConnections; i++)
        {
            clients.Add(await UnixctlClient.ConnectAsync(test.Path));
            await clients[^1].CallAsync("echo", []);
        }
        using var late = await UnixctlClient.ConnectAsync(test.Path);
        var answer = late.CallAsync("echo", ["late"]);
        Assert.False(answer.IsCompleted);
        clients[7].Dispose();
        Assert.Equal("late\n", await answer);
        clients.ForEach(client => client.Dispose());
    }

    [Fact(Timeout = LimitMs)]
    public async Task StoppingRemovesTheSocketAndClosesConnections()
    {
        await using var test = TestServer.Start();
        using var socket = test.Connect();
        await test.Server.DisposeAsync();
        await AssertClosedAsync(socket);
        Assert.False(File.Exists(test.Path));
    }

    [Fact(Timeout = LimitMs)]
    public async Task TheCommandThatStopsTheServerIsStillAnswered()
    {
        var stop = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var test = TestServer.Start(new UnixctlCommand("exit", "", 0, 0, _ =>
        {
            stop.SetResult();
            return ValueTask.FromResult("bye");
        }));
        using var client = await UnixctlClient.ConnectAsync(test.Path);
        var answer = client.CallAsync("exit", []);
        await stop.Task;
        await test.Server.DisposeAsync();
        Assert.Equal("bye\n", await answer);
    }

    [Fact(Timeout = LimitMs)]
    public async Task StoppingDoesNotWaitForAHandlerForEver()
    {
        var started = new TaskCompletionSource();
        await using var test = TestServer.Start(TimeSpan.Zero, new UnixctlCommand("hang", "", 0, 0, async _ =>
        {
            started.SetResult();
            await Task.Delay(Timeout.Infinite);
            return "";
        }));
        using var client = await UnixctlClient.ConnectAsync(test.Path);
        var answer = client.CallAsync("hang", []);
        await started.Task;
        await test.Server.DisposeAsync();
        await Assert.ThrowsAsync<UnixctlException>(() => answer);
    }

    [Fact]
    public async Task TakesNoCommandTwiceAndNoneOnceItListens()
    {
        await using var test = TestServer.Start();
        var command = new UnixctlCommand("new", "", 0, 0, _ => ValueTask.FromResult(""));
        Assert.Throws<InvalidOperationException>(() => test.Server.Register(command));
        await using var server = new UnixctlServer("v", _ => { });
        Assert.Throws<ArgumentException>(() => server.Register(command with { Name = "version" }));
    }

    private static async Task AssertClosedAsync(Socket socket)
    {
        try
        {
            Assert.Equal(0, await socket.ReceiveAsync(new byte[1]));
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionReset)
        {
            // Closed as well: the server had not read everything.
        }
    }
}
