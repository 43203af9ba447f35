using VhostSwitch.Dataplane;
using VhostSwitch.Linux;
using VhostSwitch.TestKit.Guest;
using VhostSwitch.TestKit.Host;
using VhostSwitch.TestKit.Hostile;
using VhostSwitch.TestKit.Protocol;
using VhostSwitch.Vhost.User;
using VhostSwitch.Virtio;
using VhostSwitch.Virtio.Split;

namespace VhostSwitch.Ports.Tests;

/// <summary>A ring that broke stays broken until it is set up anew, and takes nothing else with it.</summary>
public sealed class BrokenRingTests : IDisposable
{
    private const int Device = 0;

    private readonly SwitchUnderTest _switch = new();
    private readonly HostileFrontEnd _guest;

    public BrokenRingTests()
    {
        _guest = new HostileFrontEnd(_switch.SocketPath, new ScriptedGuestOptions { Name = "broken-ring" });
        _guest.SetUp();
        for (int i = 0; i < 8; i++)
            _guest.Receive.Describe(i, _guest.Buffer(), 2048, Descriptor.Write);
        ulong frame = _guest.Buffer();
        for (int i = 0; i < 16; i++)
            _guest.Transmit.Describe(i, frame, 72);
    }

    private string Status => _switch.StatusOf(Device);

    public void Dispose()
    {
        _guest.Dispose();
        _switch.Dispose();
    }

    [Fact]
    public void TheOtherRingGoesOn()
    {
        BreakTransmit();
        using var neighbour = new HonestGuest(_switch.SocketPath, new Packets.MacAddress(0x0a02), new ScriptedGuestOptions { RingSize = 16 });
        _guest.Receives(0);
        neighbour.Send(NumberedFrame.Make(Packets.MacAddress.Broadcast, neighbour.Mac, 1));
        Until.True(() => _guest.Receive.UsedIndex == 1, "a frame for the guest whose transmit ring is broken");
    }

    [Fact]
    public void TheFrontEndIsTold()
    {
        BreakTransmit();
        Assert.Equal(1ul, EventFd.Drain(_guest.Guest.Errors[1].Number));
        Assert.Equal(0ul, EventFd.Drain(_guest.Guest.Errors[0].Number));
        Assert.Contains(_switch.Notes, n => n.Contains("broken: ring 1: descriptor index 256", StringComparison.Ordinal));
    }

    [Fact]
    public void ItIsToldOnceAlone()
    {
        BreakTransmit();
        _guest.Script.Ask(FrontEndRequest.GetFeatures);
        // The other ring breaks as well: each has its own sentence.
        _guest.Receives(256);
        using var neighbour = new HonestGuest(_switch.SocketPath, new Packets.MacAddress(0x0a02), new ScriptedGuestOptions { RingSize = 16 });
        neighbour.Send(NumberedFrame.Make(Packets.MacAddress.Broadcast, neighbour.Mac, 1));
        Until.True(() => Status.Contains("ring 0", StringComparison.Ordinal), "both rings broken");
        Assert.Equal("broken: ring 0: descriptor index 256 in a ring of 256; ring 1: descriptor index 256 in a ring of 256", Status);
        Assert.Equal(2, _switch.Notes.Count(n => n.Contains("broken:", StringComparison.Ordinal)));
    }

    [Fact]
    public void GetVringBaseTellsHowFarItCame()
    {
        _guest.Transmit.Offer(0, 1, 2, 3, 4);
        BreakTransmit();
        Assert.Equal(5, _guest.Transmit.UsedIndex);
        Assert.Equal(5u, _guest.Script.Ask(FrontEndRequest.GetVringBase, Payload.State(1, 0)).RingNumber);
    }

    [Fact]
    public void EnablingAndDisablingDoesNotMendIt()
    {
        BreakTransmit();
        _guest.Script.Send(FrontEndRequest.SetVringEnable, Payload.State(1, 0));
        _guest.Script.Send(FrontEndRequest.SetVringEnable, Payload.State(1, 1));
        _guest.Script.Ask(FrontEndRequest.GetFeatures);
        Assert.StartsWith("broken: ring 1", Status, StringComparison.Ordinal);
    }

    [Fact]
    public void NewMemoryDoesNotMendIt()
    {
        BreakTransmit();
        // Memory is plugged in: the table is sent anew, the rings are not.
        Assert.Equal(0ul, _guest.Script.Acknowledge(FrontEndRequest.SetMemTable, Payload.Table(_guest.Guest.Memory.Descriptions), _guest.Guest.Memory.Descriptors));
        Assert.StartsWith("broken: ring 1", Status, StringComparison.Ordinal);
    }

    [Fact]
    public void ItWorksAgainWhenItIsSetUpAnew()
    {
        _guest.Transmit.Offer(0, 1, 2);
        BreakTransmit();
        uint next = _guest.Script.Ask(FrontEndRequest.GetVringBase, Payload.State(1, 0)).RingNumber;
        _guest.Transmit.SetAvailable(3, 7);
        FrontEndHandshake.StartRing(_guest.Script, _guest.Guest, 1, (ushort)next);
        _guest.Guest.Kick(1);
        Until.True(() => _guest.Transmit.UsedIndex == 4, "the mended chain");
        Assert.Equal("up (2 of 2 rings)", Status);
        Assert.Equal(7u, _guest.Transmit.UsedAt(3).Id);
    }

    [Fact]
    public void ADisabledTransmitRingIsEmptiedAndADisabledReceiveRingLeftAlone()
    {
        using var neighbour = new HonestGuest(_switch.SocketPath, new Packets.MacAddress(0x0a02), new ScriptedGuestOptions { RingSize = 16 });
        _guest.Script.Send(FrontEndRequest.SetVringEnable, Payload.State(0, 0));
        _guest.Script.Send(FrontEndRequest.SetVringEnable, Payload.State(1, 0));
        _guest.Script.Ask(FrontEndRequest.GetFeatures);
        Assert.Equal("negotiating: 2 rings started, none enabled yet", Status);
        _guest.Receives(0);
        _guest.Transmits(3);
        Until.True(() => _guest.Transmit.UsedIndex == 1, "the frame taken");
        Until.True(() => _switch.Drops(Device, 1, DropReason.QueueDisabled) == 1, "the frame counted");
        neighbour.Send(NumberedFrame.Make(Packets.MacAddress.Broadcast, neighbour.Mac, 1));
        Until.True(() => _switch.Count(1, 1, c => c.Frames) == 1, "the neighbour's broadcast taken");
        _switch.Ask(s =>
        {
            s.DataPlane.WaitForThreads();
            return true;
        });
        Assert.Equal(0, _guest.Receive.UsedIndex);
        Assert.Null(neighbour.TryReceive());
    }

    private void BreakTransmit()
    {
        _guest.Transmits(256);
        Until.True(() => Status.StartsWith("broken: ring 1: descriptor index 256", StringComparison.Ordinal), "a broken transmit ring");
    }
}
