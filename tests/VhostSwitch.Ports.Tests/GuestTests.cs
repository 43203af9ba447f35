using VhostSwitch.Packets;
using VhostSwitch.TestKit.Guest;
using VhostSwitch.TestKit.Host;
using VhostSwitch.TestKit.Protocol;
using VhostSwitch.Vhost;
using VhostSwitch.Vhost.User;
using VhostSwitch.Virtio;

namespace VhostSwitch.Ports.Tests;

/// <summary>What well-behaved front-ends do, message by message, on a whole switch.</summary>
public sealed class GuestTests : IDisposable
{
    private static readonly MacAddress A = MacAddress.Parse("02:00:00:00:00:0a");
    private static readonly MacAddress B = MacAddress.Parse("02:00:00:00:00:0b");

    private readonly SwitchUnderTest _switch = new();

    public void Dispose() => _switch.Dispose();

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    public void QemusHandshakeLeadsToRunningRings(int pairs) => Handshake(pairs, (script, guest) => FrontEndHandshake.Qemu(script, guest));

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void VirtioUsersHandshakeLeadsToRunningRings(int pairs) => Handshake(pairs, FrontEndHandshake.VirtioUser);

    [Fact]
    public void ADeviceIsThereOnceItsFirstPairRuns()
    {
        using var guest = new ScriptedGuest(new ScriptedGuestOptions());
        using var script = FrontEndScript.Connect(_switch.SocketPath);
        FrontEndHandshake.QemuConnect(script, guest, 0);
        Assert.Equal("connected: the guest's driver has not set up the device yet", _switch.StatusOf(0));
        script.Send(FrontEndRequest.SetVringEnable, Payload.State(0, 1));
        script.Send(FrontEndRequest.SetVringEnable, Payload.State(1, 1));
        FrontEndHandshake.QemuStart(script, guest);
        Assert.Equal("up (2 of 2 rings)", _switch.StatusOf(0));
        Assert.True(_switch.Ask(s => s.Server.Connections.First().Owner.IsAdded));
    }

    [Fact]
    public void FramesCrossWithEveryKindOfReceiveRing()
    {
        foreach (var features in new[] { Features.None, Features.MrgRxbuf, Features.EventIdx, Features.MrgRxbuf | Features.EventIdx | Features.IndirectDesc })
        {
            var options = new ScriptedGuestOptions { RingSize = 32 };
            options = options with { Features = options.Features | features };
            using var first = new HonestGuest(_switch.SocketPath, A, options);
            using var second = new HonestGuest(_switch.SocketPath, B, options);
            using (var exchange = new FrameExchange(first, second)) exchange.WaitForRounds(20);
        }
    }

    [Theory]
    [InlineData(Features.None)]
    [InlineData(Features.MrgRxbuf)]
    [InlineData(Features.EventIdx | Features.MrgRxbuf)]
    public void FramesCrossBetweenPackedAndSplitRings(Features features)
    {
        var split = new ScriptedGuestOptions { RingSize = 32 };
        // Neither a power of two nor a multiple of a burst: the ring's end comes anywhere in one.
        var packed = split with { RingSize = 37, Features = split.Features | Features.RingPacked | features };
        foreach (var (ofA, ofB) in new[] { (packed, split), (split, packed), (packed, packed) })
        {
            using var first = new HonestGuest(_switch.SocketPath, A, ofA);
            using var second = new HonestGuest(_switch.SocketPath, B, ofB);
            Assert.Equal(("up (2 of 2 rings)", "up (2 of 2 rings)"), (_switch.StatusOf(0), _switch.StatusOf(1)));
            using var exchange = new FrameExchange(first, second);
            exchange.WaitForRounds(100);
        }
    }

    [Fact]
    public void AGuestThatRebootsGoesOn()
    {
        var options = new ScriptedGuestOptions { RingSize = 32 };
        using var neighbour = new HonestGuest(_switch.SocketPath, A, options);
        using var guest = new ScriptedGuest(options);
        using var script = FrontEndScript.Connect(_switch.SocketPath);
        FrontEndHandshake.Qemu(script, guest);
        for (int boot = 0; boot < 5; boot++)
        {
            ulong buffer = guest.Memory.Allocate(2048);
            guest.Receive.Describe(0, buffer, 2048, Virtio.Descriptor.Write);
            guest.Receive.Offer(0);
            guest.Kick(0);
            neighbour.Send(NumberedFrame.Make(MacAddress.Broadcast, A, (ulong)boot));
            Until.True(() => guest.Receive.UsedIndex == 1, "the broadcast");
            script.Send(FrontEndRequest.SetVringEnable, Payload.State(0, 0));
            script.Send(FrontEndRequest.SetVringEnable, Payload.State(1, 0));
            Assert.Equal(1u, script.Ask(FrontEndRequest.GetVringBase, Payload.State(0, 0)).RingNumber);
            script.Ask(FrontEndRequest.GetVringBase, Payload.State(1, 0));
            script.Acknowledge(FrontEndRequest.SetStatus, Payload.Number(0));
            guest.Receive.Clear();
            guest.Transmit.Clear();
            script.Send(FrontEndRequest.SetVringEnable, Payload.State(0, 1));
            script.Send(FrontEndRequest.SetVringEnable, Payload.State(1, 1));
            FrontEndHandshake.QemuStart(script, guest);
        }
    }

    [Fact]
    public void MemoryCanBePluggedInSlotBySlot()
    {
        using var guest = new ScriptedGuest(new ScriptedGuestOptions());
        using var script = FrontEndScript.Connect(_switch.SocketPath);
        FrontEndHandshake.NegotiateProtocol(script, FrontEndHandshake.WantedProtocolFeatures | ProtocolFeatures.ConfigureMemSlots);
        Assert.Equal(509ul, script.Ask(FrontEndRequest.GetMaxMemSlots).Number);
        script.Send(FrontEndRequest.SetFeatures, Payload.Number((ulong)guest.Options.Features));
        foreach (var file in guest.Memory.Files)
            Assert.Equal(0ul, script.Acknowledge(FrontEndRequest.AddMemReg, Payload.Region(file.Description), [file.File.Number]));
        for (int ring = 0; ring < 2; ring++)
        {
            script.Send(FrontEndRequest.SetVringEnable, Payload.State((uint)ring, 1));
            FrontEndHandshake.StartRing(script, guest, ring);
        }
        // QEMU's older versions send a file with REM_MEM_REG as well.
        Assert.Equal(0ul, script.Acknowledge(FrontEndRequest.RemMemReg, Payload.Region(guest.High.Description), [guest.High.File.Number]));
        Assert.Equal("up (2 of 2 rings)", _switch.StatusOf(0));
        Assert.Equal(0ul, script.Acknowledge(FrontEndRequest.RemMemReg, Payload.Region(guest.Low.Description)));
        Assert.Contains("outside the guest's memory", _switch.StatusOf(0), StringComparison.Ordinal);
    }

    [Fact]
    public void RingsWithoutDescriptorsArePolled()
    {
        var options = new ScriptedGuestOptions { RingSize = 32 };
        using var neighbour = new HonestGuest(_switch.SocketPath, A, options);
        using var guest = new ScriptedGuest(options);
        using var script = FrontEndScript.Connect(_switch.SocketPath);
        FrontEndHandshake.Qemu(script, guest);
        FrontEndHandshake.StartPolledRing(script, 1);
        script.Ask(FrontEndRequest.GetFeatures);
        ulong frame = guest.Memory.Allocate(76);
        guest.Memory.Write(frame + 12, NumberedFrame.Make(MacAddress.Broadcast, B, 1));
        guest.Transmit.Describe(0, frame, 76);
        guest.Transmit.Offer(0);
        Until.True(() => neighbour.TryReceive() is not null, "the frame of a ring without a kick");
    }

    [Fact]
    public void AnAnnouncedGuestIsFoundByItsNeighbours()
    {
        var options = new ScriptedGuestOptions { RingSize = 32 };
        using var neighbour = new HonestGuest(_switch.SocketPath, A, options);
        using var guest = new HonestGuest(_switch.SocketPath, B, options);
        guest.Script.Send(FrontEndRequest.SendRarp, Payload.Number(B.Value));
        byte[]? frame = null;
        Until.True(() => (frame = neighbour.TryReceive()) is not null, "the announcement");
        byte[] expected = new byte[ReverseArp.Length];
        ReverseArp.Write(expected, B);
        Assert.Equal(expected, frame);
        neighbour.Send(NumberedFrame.Make(B, A, 1));
        Until.True(() => guest.TryReceive() is not null, "a frame for the announced guest");
    }

    [Fact]
    public void ACallThatComesLateIsSignalledForWhatWasMissed()
    {
        var options = new ScriptedGuestOptions { RingSize = 32 };
        using var guest = new HonestGuest(_switch.SocketPath, B, options);
        guest.Script.Send(FrontEndRequest.SetVringCall, Payload.Number(1 | 0x100));
        guest.Script.Ask(FrontEndRequest.GetFeatures);
        guest.Send(NumberedFrame.Make(A, B, 1));
        Until.True(() => guest.Device.Transmit.UsedIndex == 1, "the frame taken");
        using var call = Linux.EventFd.Create();
        guest.Script.Send(FrontEndRequest.SetVringCall, Payload.Number(1), [call.Number]);
        Until.True(() => Linux.EventFd.Drain(call.Number) > 0, "a notification");
    }

    [Fact]
    public void RepliesHaveNoLooseBytes()
    {
        using var script = FrontEndScript.Connect(_switch.SocketPath);
        foreach (var request in new[] { FrontEndRequest.GetFeatures, FrontEndRequest.GetProtocolFeatures })
        {
            var reply = script.Ask(request);
            Assert.Equal((8, 5u), (reply.Payload.Length, reply.Flags));
        }
        FrontEndHandshake.NegotiateProtocol(script, FrontEndHandshake.WantedProtocolFeatures);
        Assert.Equal([0, 0, 0, 0, 0, 0, 0, 0], script.Ask(FrontEndRequest.GetStatus).Payload);
        Assert.Equal(128ul, script.Ask(FrontEndRequest.GetQueueNum).Number);
    }

    [Fact]
    public void FeaturesThatWereNotOfferedLeaveFeaturesOkUnset()
    {
        using var script = FrontEndScript.Connect(_switch.SocketPath);
        FrontEndHandshake.NegotiateProtocol(script, FrontEndHandshake.WantedProtocolFeatures);
        Assert.NotEqual(0ul, script.Acknowledge(FrontEndRequest.SetFeatures, Payload.Number(1UL << 45)));
        Assert.Equal(0ul, script.Acknowledge(FrontEndRequest.SetStatus, Payload.Number(1 | 2 | 8)));
        Assert.Equal(1ul | 2, script.Ask(FrontEndRequest.GetStatus).Number);
    }

    private void Handshake(int pairs, Action<FrontEndScript, ScriptedGuest> handshake)
    {
        using var guest = new ScriptedGuest(new ScriptedGuestOptions { QueuePairs = pairs, Features = Features.Version1 | Features.ProtocolFeatures | Features.Mq });
        using var script = FrontEndScript.Connect(_switch.SocketPath);
        handshake(script, guest);
        Assert.Equal($"up ({2 * pairs} of {2 * pairs} rings)", _switch.StatusOf(0));
        Assert.Equal((pairs, pairs), _switch.Ask(s => (s.Server.Connections.First().Owner.Port.Inputs.Length, s.Server.Connections.First().Owner.Port.Outputs.Length)));
    }
}
