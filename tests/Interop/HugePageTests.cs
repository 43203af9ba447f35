using VhostSwitch.Interop.Rig;
using Xunit;

namespace VhostSwitch.Interop;

/// <summary>Guests whose memory lies in huge pages, which can be mapped, guarded and given back in whole pages only.</summary>
public sealed class HugePageTests : InteropTest
{
    private const int FileBytes = 20_000_000;
    private const int HugeMiB = 256;
    private const int GiganticMiB = 1024;

    [Fact]
    public Task AFileArrivesFromPagesOf2MiB()
    {
        Assert.True(HugePages.FreeMiB >= HugeMiB, $"{HugeMiB} MiB of huge pages are needed, {HugePages.FreeMiB} MiB are free");
        return ExchangeAsync(GuestMemory.HugePages, HugeMiB);
    }

    [Fact]
    public Task AFileArrivesFromPagesOf1GiB()
    {
        Assert.SkipUnless(HugePages.FreeGiganticMiB >= GiganticMiB, "the kernel could not provide a page of 1 GiB");
        return ExchangeAsync(GuestMemory.GiganticPages, GiganticMiB);
    }

    // The other guest's memory lies in normal pages: one switch has both.
    private async Task ExchangeAsync(GuestMemory memory, int mebibytes)
    {
        string[] sockets = [Folder.File("a"), Folder.File("b")];
        SwitchProcess vhostSwitch = await StartSwitchAsync(new() { Sockets = sockets });
        QemuGuest guest = await StartGuestAsync(new()
        {
            Name = "huge", Nics = [new GuestNic(sockets[0], "52:54:00:00:00:01")], Memory = memory, MemoryMiB = mebibytes,
        });
        QemuGuest other = await StartGuestAsync(new() { Name = "other", Nics = [new GuestNic(sockets[1], "52:54:00:00:00:02")] });
        await BringUpAsync(guest, "10.0.0.1/24");
        await BringUpAsync(other, "10.0.0.2/24");
        await other.WaitForPingAsync("10.0.0.1");
        (string sent, string received) = await GuestTransfer.SendAsync(guest, "10.0.0.1", other, FileBytes);
        Assert.Equal(sent, received);
        (sent, received) = await GuestTransfer.SendAsync(other, "10.0.0.2", guest, FileBytes);
        Assert.Equal(sent, received);
        Assert.InRange((await vhostSwitch.StatusAsync()).PortAt(sockets[0]).MemoryBytes, (long)mebibytes << 20, long.MaxValue);
        // Its pages are given back when it goes, whatever the switch had mapped.
        await guest.PowerOffAsync();
        await vhostSwitch.WaitForStatusAsync(status => status.PortAt(sockets[0]).MemoryBytes == 0, "no memory of the guest that went");
    }

    private static async Task BringUpAsync(QemuGuest guest, string address)
    {
        await guest.WaitForBootAsync();
        await guest.SetAddressAsync(address);
    }
}
