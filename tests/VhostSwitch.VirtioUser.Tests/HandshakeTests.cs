using VhostSwitch.Packets;
using VhostSwitch.Vhost;
using VhostSwitch.Vhost.User;
using VhostSwitch.Virtio;

namespace VhostSwitch.VirtioUser.Tests;

public sealed class HandshakeTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void SpeaksInTheOrderOfDpdksVirtioUser()
    {
        using var backEnd = new ScriptedBackEnd(_folder["a"]);
        using (var port = new VirtioUserPort(Options() with { MemoryRegions = 2 }))
        {
            port.Start();
            Assert.Equal(LinkState.Up, port.Link);
            port.Stop();
            Assert.Equal(LinkState.Stopped, port.Link);
        }
        WaitFor(() => backEnd.Log.Contains("closed"));
        Assert.Equal(
            [
                "SetOwner", "GetFeatures", "GetProtocolFeatures", "SetProtocolFeatures 0x10009", "GetQueueNum",
                "SetVringCall 0 fds=1", "SetVringCall 1 fds=1", "SetFeatures 0x140008000", "SetStatus 0xb !", "GetStatus",
                "SetMemTable regions=2 fds=2 !",
                "SetVringNum 0=256", "SetVringBase 0=0", "SetVringAddr 0", "SetVringKick 0 fds=1",
                "SetVringNum 1=256", "SetVringBase 1=0", "SetVringAddr 1", "SetVringKick 1 fds=1",
                "SetVringEnable 0=1", "SetVringEnable 1=1", "SetStatus 0xf !",
                "SetVringEnable 0=0", "SetVringEnable 1=0", "GetVringBase 0", "GetVringBase 1", "SetStatus 0x0 !",
                "closed",
            ],
            backEnd.Log);
    }

    [Fact]
    public void LeavesOutWhatABackEndWithoutProtocolFeaturesDoesNotKnow()
    {
        using var backEnd = new ScriptedBackEnd(_folder["a"]) { Offered = Features.Version1 };
        using var port = new VirtioUserPort(Options());
        port.Start();
        Assert.Equal(Features.Version1, port.Features);
        Assert.Equal(
            ["SetOwner", "GetFeatures", "SetVringCall 0 fds=1", "SetVringCall 1 fds=1", "SetFeatures 0x100000000", "SetMemTable regions=1 fds=1"],
            backEnd.Log.Take(6));
        Assert.DoesNotContain(backEnd.Log, l => l.StartsWith("SetVringEnable", StringComparison.Ordinal) || l.Contains("Status", StringComparison.Ordinal));
    }

    [Fact]
    public void StartsAgainOnTheSameConnection()
    {
        using var backEnd = new ScriptedBackEnd(_folder["a"]);
        using var port = new VirtioUserPort(Options());
        port.Start();
        port.Stop();
        port.Start();
        Assert.Equal(LinkState.Up, port.Link);
        Assert.Single(backEnd.Log, l => l == "SetOwner");
        Assert.Equal(2, backEnd.Log.Count(l => l.StartsWith("SetMemTable", StringComparison.Ordinal)));
    }

    [Fact]
    public void KicksBothRingsOnceTheyRun()
    {
        using var backEnd = new ScriptedBackEnd(_folder["a"]);
        using var port = new VirtioUserPort(Options());
        port.Start();
        Assert.Equal(1ul, Linux.EventFd.Drain(backEnd.Kicks[0]!.Number));
        Assert.Equal(1ul, Linux.EventFd.Drain(backEnd.Kicks[1]!.Number));
        var receive = backEnd.Ring(0);
        Assert.Equal(256, receive.Available(512));
    }

    [Fact]
    public void SaysThatNobodyListens()
    {
        using var port = new VirtioUserPort(Options());
        var e = Assert.Throws<VirtioUserException>(port.Start);
        Assert.Contains($"no vhost-user back-end at {_folder["a"]}", e.Message);
        Assert.Equal(LinkState.Stopped, port.Link);
    }

    [Fact]
    public void SaysThatTheBackEndDoesNotAnswer()
    {
        using var backEnd = new ScriptedBackEnd(_folder["a"]) { Ignore = FrontEndRequest.GetFeatures };
        using var port = new VirtioUserPort(Options() with { Timeout = TimeSpan.FromSeconds(0.2) });
        var e = Assert.Throws<VirtioUserException>(port.Start);
        Assert.Contains("did not answer GetFeatures within 0.2 s", e.Message);
    }

    [Fact]
    public void SaysThatTheMemoryWasRefused()
    {
        using var backEnd = new ScriptedBackEnd(_folder["a"]) { Refuse = FrontEndRequest.SetMemTable };
        using var port = new VirtioUserPort(Options());
        var e = Assert.Throws<VirtioUserException>(port.Start);
        Assert.Contains("refused SetMemTable", e.Message);
    }

    [Fact]
    public void SaysThatTheFeaturesWereRefused()
    {
        using var backEnd = new ScriptedBackEnd(_folder["a"]) { KeepsFeaturesOk = false };
        using var port = new VirtioUserPort(Options());
        Assert.Contains("does not accept the features", Assert.Throws<VirtioUserException>(port.Start).Message);
    }

    [Fact]
    public void RefusesAnAnswerThatIsNone()
    {
        using var backEnd = new ScriptedBackEnd(_folder["a"]) { ReplyFlags = 1 };
        using var port = new VirtioUserPort(Options());
        Assert.Contains("flags 0x1", Assert.Throws<VirtioUserException>(port.Start).Message);
    }

    [Fact]
    public void RefusesABackEndWithoutAQueue()
    {
        using var backEnd = new ScriptedBackEnd(_folder["a"]) { QueuePairs = 0 };
        using var port = new VirtioUserPort(Options());
        Assert.Contains("0 queue pairs", Assert.Throws<VirtioUserException>(port.Start).Message);
    }

    [Theory]
    [InlineData(FrontEndRequest.SetOwner)]
    [InlineData(FrontEndRequest.GetProtocolFeatures)]
    [InlineData(FrontEndRequest.SetMemTable)]
    [InlineData(FrontEndRequest.SetStatus)]
    public void SaysThatTheBackEndHungUp(FrontEndRequest at)
    {
        using var backEnd = new ScriptedBackEnd(_folder["a"]) { HangUpAt = at };
        using var port = new VirtioUserPort(Options());
        var e = Assert.Throws<VirtioUserException>(port.Start);
        Assert.Contains(_folder["a"], e.Message);
        Assert.Equal(LinkState.Stopped, port.Link);
    }

    [Fact]
    public void TakesTheLinkDownWhenTheBackEndGoesAway()
    {
        using var port = new VirtioUserPort(Options());
        Span<FramePart> parts = stackalloc FramePart[4];
        using (var backEnd = new ScriptedBackEnd(_folder["a"]))
        {
            port.Start();
            Assert.Equal(4, port.Borrow(parts));
            backEnd.Die();
            WaitFor(() => port.Link == LinkState.Down);
        }
        Assert.Contains("closed the connection", port.LinkReason);
        parts[0].Length = 64;
        Assert.Equal(0, port.Transmit(parts[..1]));
        Assert.Equal(0, port.Borrow(parts));
        Assert.Equal(0, port.Receive(parts));
        port.Return(parts);
        port.Stop();
        File.Delete(_folder["a"]);
        using var another = new ScriptedBackEnd(_folder["a"]);
        port.Start();
        Assert.Equal(LinkState.Up, port.Link);
        Assert.Equal(4, port.Borrow(parts));
    }

    [Fact]
    public void WakesItsOwnerWhenTheBackEndGoesAway()
    {
        using var backEnd = new ScriptedBackEnd(_folder["a"]);
        using var port = new VirtioUserPort(Options());
        port.Start();
        var killer = new Thread(() =>
        {
            Thread.Sleep(100);
            backEnd.Die();
        });
        killer.Start();
        Assert.True(port.Wait(10_000));
        Assert.Equal(LinkState.Down, port.Link);
        killer.Join();
    }

    [Theory]
    [InlineData("queues=2: only one queue pair is built")]
    [InlineData("queue_size=300: a split ring has a power of two")]
    [InlineData("queue_size=65536: a split ring has a power of two")]
    [InlineData("mac ff:ff:ff:ff:ff:ff is no address of a single station")]
    [InlineData("path is empty")]
    [InlineData("longer than the 107 bytes")]
    [InlineData("RING_PACKED not built")]
    [InlineData("0 memory regions: 1 to 8")]
    [InlineData("buffer size 1000: a multiple of 2048")]
    [InlineData("300 transmit buffers: 1 to queue_size (256)")]
    [InlineData("guest-physical start 0x1: a multiple of the page size")]
    public void RefusesAnOptionWithASentence(string sentence)
    {
        var options = Options();
        VirtioUserOptions[] all =
        [
            options with { Queues = 2 }, options with { QueueSize = 300 }, options with { QueueSize = 65536 },
            options with { Mac = MacAddress.Broadcast }, options with { Path = "" }, options with { Path = new string('x', 108) },
            options with { Features = VirtioUserOptions.DefaultFeatures | Features.RingPacked }, options with { MemoryRegions = 0 },
            options with { BufferSize = 1000 }, options with { TransmitBuffers = 300 }, options with { GuestPhysicalStart = 1 },
        ];
        Assert.Single(all, o => Assert.Throws<ArgumentException>(() => new VirtioUserPort(o)).Message.Contains(sentence, StringComparison.Ordinal));
    }

    private static void WaitFor(Func<bool> condition) => Assert.True(SpinWait.SpinUntil(condition, TimeSpan.FromSeconds(10)), "did not happen within 10 s");

    private VirtioUserOptions Options() => new() { Path = _folder["a"], Mac = MacAddress.Parse("02:00:00:00:00:01") };
}
