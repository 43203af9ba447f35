using VhostSwitch.Interop.Rig;
using Xunit;

namespace VhostSwitch.Interop;

/// <summary>Guests behind QEMU's emulated IOMMU: every buffer's address is to be asked for, and its end is announced.</summary>
public sealed class IommuTests : InteropTest
{
    private const int TransferBytes = 1_000_000;

    public static IEnumerable<object[]> PackedRings => FullRun.Cases(["on"], "off");

    /// <summary>The kernel hands out a fresh address for every buffer; "strict": its end is announced at once.</summary>
    [Theory]
    [MemberData(nameof(PackedRings))]
    public async Task AFileArrivesThroughAnIommu(string packed)
    {
        string[] sockets = [Folder.File("a"), Folder.File("b")];
        SwitchProcess vhostSwitch = await StartSwitchAsync(new() { Sockets = sockets });
        QemuGuest[] guests = new QemuGuest[2];
        for (int i = 0; i < guests.Length; i++)
        {
            GuestNic nic = new(sockets[i], $"52:54:00:00:01:0{i}")
            {
                Properties = i == 0 ? $"iommu_platform=on,ats=on,disable-legacy=on,packed={packed}" : $"packed={packed}",
            };
            guests[i] = await StartGuestAsync(new()
            {
                Name = $"guest{i}",
                Nics = [nic],
                MoreArguments = i == 0
                    ? ["-machine", "q35", "-device", "intel-iommu,device-iotlb=on", "-append", "console=ttyS0 quiet loglevel=4 panic=0 random.trust_cpu=on mitigations=off intel_iommu=on iommu.strict=1"]
                    : [],
            });
        }
        for (int i = 0; i < guests.Length; i++)
        {
            await guests[i].WaitForBootAsync();
            await guests[i].SetAddressAsync($"10.0.0.{i + 1}/24");
        }
        await guests[0].WaitForPingAsync("10.0.0.2");
        Assert.Contains("ACCESS_PLATFORM", (await vhostSwitch.StatusAsync()).PortAt(sockets[0]).Features);
        foreach ((int from, int to) in ((int, int)[])[(0, 1), (1, 0)])
        {
            (string sent, string received) = await GuestTransfer.SendAsync(guests[from], $"10.0.0.{from + 1}", guests[to], TransferBytes);
            Assert.Equal(sent, received);
        }
        SwitchStatus status = await vhostSwitch.StatusAsync();
        Assert.All(status.Ports, port => Assert.True(port.IsUp, port.Status));
        Assert.Equal(20, await guests[1].PingAsync("10.0.0.1", 20));
    }
}
