// Serves a vhost-user socket and sends every frame back where it came from, with its addresses exchanged.
//   dotnet run -c Release --project samples/echo -- /tmp/echo.sock
using System.Runtime.Intrinsics;
using VhostSwitch.Dataplane;
using VhostSwitch.Vhost;
using VhostSwitch.Vhost.Net;
using VhostSwitch.Virtio;

var options = new DeviceOptions(DeviceOptions.BasicFeatures | Features.MrgRxbuf, DeviceOptions.BasicProtocolFeatures, MaxQueuePairs: 8);
using var server = new NetServer(options);
server.DeviceAdded += device => Console.WriteLine($"{device.Name} is here");
server.DeviceRemoved += device => Console.WriteLine($"{device.Name} is gone");
server.Noted += (where, text) => Console.WriteLine($"{where}: {text}");
server.Listen(args[0]);

using var burst = new Burst();
bool stop = false;
Console.CancelKeyPress += (_, e) => e.Cancel = stop = true;
while (!Volatile.Read(ref stop))
{
    foreach (var device in server.Devices)
    {
        for (int pair = 0; pair < device.MaxQueuePairs; pair++)
        {
            if (device.Receive(pair, burst) == 0) continue;
            ExchangeAddresses(burst);
            device.Send(pair, burst);
            device.Return(pair, burst);
        }
    }
}

// The first 16 bytes of a frame are in its snapshot: what is sent, whatever the guest does to its memory meanwhile.
static unsafe void ExchangeAddresses(Burst burst)
{
    var order = Vector128.Create((byte)6, 7, 8, 9, 10, 11, 0, 1, 2, 3, 4, 5, 12, 13, 14, 15);
    for (int i = 0; i < burst.Count; i++)
        burst.Frames[i].Snapshot = Vector128.Shuffle(burst.Frames[i].Snapshot, order);
}
