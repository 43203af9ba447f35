using VhostSwitch.Interop.Rig;
using Xunit;

namespace VhostSwitch.Interop;

/// <summary>
/// The commonest mistake of a QEMU command line: memory that the switch cannot see. The port says what to change, and the
/// other guests go on.
/// </summary>
public sealed class PrivateMemoryTests : InteropTest
{
    private const string Advice = "guest memory looks private: add share=on";

    /// <summary>QEMU passes a valid descriptor, but the guest's pages are copies: its rings look empty for ever.</summary>
    [Fact]
    public async Task APrivateMemoryFileIsNamedInThePortsStatus()
    {
        string socket = Folder.File("a");
        SwitchProcess vhostSwitch = await StartSwitchAsync(new() { Sockets = [socket] });
        QemuGuest guest = await StartGuestAsync(new()
        {
            Name = "private",
            Nics = [new GuestNic(socket, "52:54:00:00:00:01")],
            Memory = GuestMemory.PrivateFile,
        });
        await guest.WaitForBootAsync();
        await guest.SetAddressAsync("10.0.0.1/24");
        // It has to want to send something: an idle guest and a private one look the same.
        await guest.RunAsync("ping -c 2 -W 1 10.0.0.2");
        await vhostSwitch.WaitForStatusAsync(status => status.PortAt(socket).Status.Contains(Advice), $"\"{Advice}\"");
    }

    /// <summary>
    /// The same file with share=on is what the advice asks for. A guest that has not brought its interface up has empty rings too,
    /// and is not suspected.
    /// </summary>
    [Fact]
    public async Task ASharedMemoryFileWorks()
    {
        string[] sockets = [Folder.File("a"), Folder.File("b"), Folder.File("c")];
        SwitchProcess vhostSwitch = await StartSwitchAsync(new() { Sockets = sockets });
        QemuGuest idle = await StartGuestAsync(new()
        {
            Name = "idle",
            Nics = [new GuestNic(sockets[2], "52:54:00:00:00:03")],
            Memory = GuestMemory.SharedFile,
        });
        QemuGuest[] guests = await StartPairAsync(sockets, GuestMemory.SharedFile);
        await guests[0].WaitForPingAsync("10.0.0.2");
        // Nothing is awaited here, so that only time can show it: several times as long as the other test's suspicion takes.
        await idle.WaitForBootAsync();
        await idle.RunAsync("sleep 5");
        SwitchStatus status = await vhostSwitch.StatusAsync();
        Assert.All(status.Ports, port => Assert.True(port.IsUp, port.Status));
        await idle.SetAddressAsync("10.0.0.3/24");
        await idle.WaitForPingAsync("10.0.0.1");
    }

    /// <summary>
    /// Without a memory backend QEMU has no descriptor to pass. A back-end with memory slots (CONFIGURE_MEM_SLOTS) is then told of
    /// rings without any memory, one without them gets an empty SET_MEM_TABLE or none; QEMU 7.2 says something only in the latter case.
    /// </summary>
    [Fact]
    public async Task NoSharedMemoryAtAllIsNamedAndLeavesTheOthersAlone()
    {
        string[] sockets = [Folder.File("a"), Folder.File("b"), Folder.File("c")];
        SwitchProcess vhostSwitch = await StartSwitchAsync(new() { Sockets = sockets });
        QemuGuest without = await StartGuestAsync(new()
        {
            Name = "without",
            Nics = [new GuestNic(sockets[2], "52:54:00:00:00:03")],
            Memory = GuestMemory.Anonymous,
        });
        await without.WaitForBootAsync();
        SwitchStatus status = await vhostSwitch.WaitForStatusAsync(
            status => !status.PortAt(sockets[2]).IsUp && status.PortAt(sockets[2]).Status.Contains("memory"),
            "the port down, for want of memory");
        QemuGuest[] guests = await StartPairAsync(sockets, GuestMemory.Memfd);
        await guests[0].WaitForPingAsync("10.0.0.2");
        status = await vhostSwitch.StatusAsync();
        Assert.All(sockets[..2], socket => Assert.True(status.PortAt(socket).IsUp));
    }

    private async Task<QemuGuest[]> StartPairAsync(string[] sockets, GuestMemory memory)
    {
        QemuGuest[] guests = new QemuGuest[2];
        for (int i = 0; i < guests.Length; i++)
        {
            guests[i] = await StartGuestAsync(new()
            {
                Name = $"guest{i}",
                Nics = [new GuestNic(sockets[i], $"52:54:00:00:00:0{i + 1}")],
                Memory = memory,
            });
        }
        for (int i = 0; i < guests.Length; i++)
        {
            await guests[i].WaitForBootAsync();
            await guests[i].SetAddressAsync($"10.0.0.{i + 1}/24");
        }
        return guests;
    }
}
