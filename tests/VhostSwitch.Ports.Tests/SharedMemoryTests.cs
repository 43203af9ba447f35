using VhostSwitch.Packets;
using VhostSwitch.TestKit.Guest;
using VhostSwitch.TestKit.Host;
using VhostSwitch.Vhost;

namespace VhostSwitch.Ports.Tests;

/// <summary>What the switch knows of a guest's memory files: whether they can be truncated, and whether they were.</summary>
public sealed class SharedMemoryTests
{
    [Theory]
    [InlineData(true, "up (2 of 2 rings)")]
    [InlineData(false, "up (2 of 2 rings, memory not sealed)")]
    public void TheStatusTellsSealedFromUnsealedFiles(bool isSealed, string status)
    {
        using var @switch = new SwitchUnderTest();
        using var guest = new HonestGuest(@switch.SocketPath, new MacAddress(0x0a02), new ScriptedGuestOptions { RingSize = 16, Sealed = isSealed });
        Assert.Equal(status, @switch.StatusOf(0));
        Assert.Equal(isSealed, @switch.Ask(s => s.Server.Connections.First().Device.Memory.IsSealed));
    }

    [Fact]
    public void ATableIsSealedWhereAllItsFilesAre()
    {
        using var guest = new GuestMemoryMap("sealed-and-not");
        guest.Add(0x10000, 4096);
        guest.Add(0x20000, 4096, isSealed: false);
        using var @sealed = MemoryTable.Map(guest.Descriptions[..1], [guest.Files[0].File]);
        using var both = @sealed.With(guest.Descriptions[1], guest.Files[1].File);
        using var rest = both.Without(guest.Descriptions[1]);
        Assert.True(@sealed.IsSealed);
        Assert.False(both.IsSealed);
        Assert.True(rest.IsSealed);
        Assert.False(MemoryTable.Empty.IsSealed);
    }

    [Fact]
    public unsafe void ATableIsFaultedWhereAnyOfItsFilesIs()
    {
        Assert.SkipUnless(Linux.MemoryMapping.PeerFilesAreGuarded, "no handler for this processor");
        using var guest = new GuestMemoryMap("faulted-and-not");
        guest.Add(0x10000, 4096);
        guest.Add(0x20000, 4096, isSealed: false);
        using var both = MemoryTable.Map(guest.Descriptions, [guest.Files[0].File, guest.Files[1].File]);
        using var first = both.Without(guest.Descriptions[1]);
        SystemCalls.SetLength(guest.Files[1].File.Number, 0);
        Assert.False(both.Faulted);
        Assert.Equal(0, *both.Guest.Translate(new Virtio.GuestAddress(0x20000), 1, out _));
        Assert.True(both.Faulted);
        Assert.False(first.Faulted);
    }

    [Fact]
    public void AGuestThatIsSilentAfterATruncationHarmsNobodyAndMayGoOn()
    {
        using var @switch = new SwitchUnderTest();
        using var guest = new HonestGuest(@switch.SocketPath, new MacAddress(0x0a02), new ScriptedGuestOptions { RingSize = 16, Sealed = false });
        // Its last region holds nothing that is used.
        SystemCalls.SetLength(guest.Device.High.File.Number, 0);
        using var second = new HonestGuest(@switch.SocketPath, new MacAddress(0x0b02), new ScriptedGuestOptions { RingSize = 16 });
        using var exchange = new FrameExchange(guest, second);
        exchange.WaitForRounds(20);
        Assert.StartsWith("up", @switch.StatusOf(0), StringComparison.Ordinal);
    }
}
