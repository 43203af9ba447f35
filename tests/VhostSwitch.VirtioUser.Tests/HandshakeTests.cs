using VhostSwitch.Packets;
using VhostSwitch.Vhost;
using VhostSwitch.Vhost.User;
using VhostSwitch.Virtio;
using VhostSwitch.Virtio.Packed;

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
    public void StartsPackedRingsAtEntry0WithBothWrapCounters1()
    {
        using var backEnd = new ScriptedBackEnd(_folder["a"]);
        using var port = new VirtioUserPort(Options() with { Features = VirtioUserOptions.DefaultFeatures | Features.RingPacked, QueueSize = 300 });
        port.Start();
        Assert.True(port.IsPacked);
        // The available position in the lower half, the used one in the upper: 0x80008000.
        Assert.Contains("SetVringBase 0=2147516416", backEnd.Log);
        Assert.Contains("SetVringBase 1=2147516416", backEnd.Log);
        Assert.Contains("SetVringNum 1=300", backEnd.Log);
        var receive = backEnd.PackedRing(0);
        Assert.Equal(300, Count(ref receive));
        var transmit = backEnd.PackedRing(1);
        Assert.Equal(0, Count(ref transmit));
    }

    [Fact]
    public void FallsBackToSplitRingsWhereTheSizeAllows()
    {
        using var backEnd = new ScriptedBackEnd(_folder["a"]) { Offered = ScriptedBackEnd.AllFeatures & ~Features.RingPacked };
        const Features wanted = VirtioUserOptions.DefaultFeatures | Features.RingPacked;
        using (var port = new VirtioUserPort(Options() with { Features = wanted | Features.InOrder }))
        {
            port.Start();
            Assert.False(port.IsPacked);
            Assert.Equal(VirtioUserOptions.DefaultFeatures | Features.InOrder, port.Features);
            Assert.Contains("SetVringBase 0=0", backEnd.Log);
            Assert.Equal(256, backEnd.Ring(0).Available(512));
        }
        using var odd = new VirtioUserPort(Options() with { Features = wanted, QueueSize = 300 });
        Assert.Contains("offers no RING_PACKED, and a split ring of 300 entries cannot be", Assert.Throws<VirtioUserException>(odd.Start).Message);
    }

    [Fact]
    public void StartsEveryQueuePair()
    {
        using var backEnd = new ScriptedBackEnd(_folder["a"]) { QueuePairs = 3, Rings = 6 };
        using var port = new VirtioUserPort(Options() with { Queues = 3, MemoryRegions = 2 });
        port.Start();
        backEnd.WaitUntilReady();
        Assert.Equal(VirtioUserOptions.DefaultFeatures | Features.Mq, port.Features);
        for (int ring = 0; ring < 6; ring++)
        {
            Assert.Contains($"SetVringEnable {ring}=1", backEnd.Log);
            Assert.Contains($"SetVringCall {ring} fds=1", backEnd.Log);
            Assert.Equal(1ul, Linux.EventFd.Drain(backEnd.Kicks[ring]!.Number));
            Assert.Equal(ring % 2 == 0 ? 256 : 0, backEnd.Ring(ring).Available(512));
        }
        port.Stop();
        Assert.Contains("GetVringBase 5", backEnd.Log);
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
        Assert.DoesNotContain(backEnd.Log, l => l.StartsWith("SetVringEnable", StringComparison.Ordinal));
        Assert.DoesNotContain(backEnd.Log, l => l.Contains("Status", StringComparison.Ordinal));
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
    public void RefusesABackEndWithTooFewQueues()
    {
        using var backEnd = new ScriptedBackEnd(_folder["a"]) { QueuePairs = 2 };
        using var port = new VirtioUserPort(Options() with { Queues = 3 });
        Assert.Contains("has 2 queue pairs, 3 are wanted", Assert.Throws<VirtioUserException>(port.Start).Message);
    }

    [Fact]
    public void RefusesSeveralQueuesOfABackEndThatKnowsOne()
    {
        using var backEnd = new ScriptedBackEnd(_folder["a"]) { QueuePairs = 2, Protocol = ProtocolFeatures.ReplyAck };
        using var port = new VirtioUserPort(Options() with { Queues = 2 });
        Assert.Contains("has 1 queue pairs, 2 are wanted", Assert.Throws<VirtioUserException>(port.Start).Message);
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
    [InlineData("queues=0: 1 to 128 queue pairs")]
    [InlineData("queues=129: 1 to 128 queue pairs")]
    [InlineData("queue_size=300: a split ring has a power of two")]
    [InlineData("queue_size=65536: a split ring has a power of two")]
    [InlineData("mac ff:ff:ff:ff:ff:ff is no address of a single station")]
    [InlineData("path is empty")]
    [InlineData("longer than the 107 bytes")]
    [InlineData("BIT_40 not built")]
    [InlineData("RING_PACKED and IN_ORDER need VERSION_1")]
    [InlineData("queue_size=1: a packed ring has 2 to 32768 entries")]
    [InlineData("queue_size=32769: a packed ring has 2 to 32768 entries")]
    [InlineData("0 memory regions: 1 to 8")]
    [InlineData("buffer size 1000: a multiple of 2048")]
    [InlineData("300 transmit buffers: 1 to queue_size (256)")]
    [InlineData("guest-physical start 0x1: a multiple of the page size")]
    public void RefusesAnOptionWithASentence(string sentence)
    {
        const Features packed = Features.Version1 | Features.RingPacked;
        var options = Options();
        VirtioUserOptions[] all =
        [
            options with { Queues = 0 }, options with { Queues = 129 }, options with { QueueSize = 300 }, options with { QueueSize = 65536 },
            options with { Mac = MacAddress.Broadcast }, options with { Path = "" }, options with { Path = new string('x', 108) },
            options with { Features = VirtioUserOptions.DefaultFeatures | (Features)(1UL << 40) }, options with { Features = Features.InOrder },
            options with { Features = packed, QueueSize = 1 }, options with { Features = packed, QueueSize = 32769 },
            options with { MemoryRegions = 0 },
            options with { BufferSize = 1000 }, options with { TransmitBuffers = 300 }, options with { GuestPhysicalStart = 1 },
        ];
        Assert.Single(all, o => Assert.Throws<ArgumentException>(() => new VirtioUserPort(o)).Message.Contains(sentence, StringComparison.Ordinal));
    }

    private static int Count(ref PackedDeviceRing ring)
    {
        int count = 0;
        while (ring.Peek(count, out var descriptor) >= 0)
        {
            Assert.Equal((2048u, Descriptor.Write), (descriptor.Length, descriptor.Flags));
            count++;
        }
        return count;
    }

    private static void WaitFor(Func<bool> condition) =>
        Assert.True(SpinWait.SpinUntil(condition, TimeSpan.FromSeconds(10)), "did not happen within 10 s");

    private VirtioUserOptions Options() => new() { Path = _folder["a"], Mac = MacAddress.Parse("02:00:00:00:00:01") };
}
