using System.Text.RegularExpressions;

namespace VhostSwitch.Interop.Rig;

/// <summary>What the tests do with a guest's network, in the guest's own commands.</summary>
internal static class GuestNetwork
{
    /// <summary>Brings an interface up with an IPv4 address.</summary>
    /// <param name="address">With the prefix length: "10.0.0.1/24".</param>
    public static Task SetAddressAsync(this QemuGuest guest, string address, string device = "eth0") =>
        guest.CheckAsync($"ip link set {device} up && ip addr add {address} dev {device}");

    /// <summary>Tells the guest for good where an address is. Otherwise it asks again now and then, and after 3 s without answer gives up.</summary>
    public static Task SetNeighbourAsync(this QemuGuest guest, string address, string mac) => guest.CheckAsync($"arp -s {address} {mac}");

    /// <summary>Has each interface answer for its own addresses only. Linux answers for all of them on every interface, unless told not to.</summary>
    public static Task KeepNetworksApartAsync(this QemuGuest guest) =>
        guest.CheckAsync("for n in arp_ignore=1 arp_announce=2; do sysctl -w net.ipv4.conf.all.$n; done");

    /// <summary>Waits until an address answers: the first frames of a link that just came up may be lost to nobody's fault.</summary>
    public static Task WaitForPingAsync(this QemuGuest guest, string address) =>
        guest.CheckAsync($"for i in $(seq 30); do ping -c 1 -W 1 {address} && exit 0; done; ip addr; ip neigh; exit 1", Limits.GuestBoot);

    /// <summary>Pings and gives the answers: as many as asked for on a working network.</summary>
    public static async Task<int> PingAsync(this QemuGuest guest, string address, int count, int size = 56)
    {
        // -W: how long the last answer may take. A busy emulator is slow, but not 5 s.
        GuestCommandResult result = await guest.RunAsync($"ping -i 0.1 -c {count} -s {size} -W 5 {address}");
        Match received = Regex.Match(result.Output, @"(\d+) packets received");
        return received.Success
            ? int.Parse(received.Groups[1].Value)
            : throw new RigException($"ping printed no summary: {result.Output}", guest.Console);
    }
}
