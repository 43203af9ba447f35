using VhostSwitch.Dataplane;
using VhostSwitch.TestKit.Host;
using VhostSwitch.Vhost.Net;

namespace VhostSwitch.Ports.Tests.NetVirtioUser;

/// <summary>A back-end of the own library that sends every frame back by the pair it came from, and waits where there is no room.</summary>
internal sealed class EchoBackEnd : IDisposable
{
    private readonly NetServer _server = new(SwitchUnderTest.Everything);
    private readonly Thread _thread;
    private volatile bool _stop;

    public EchoBackEnd(string path)
    {
        _server.Listen(path);
        _thread = new Thread(Run) { IsBackground = true };
        _thread.Start();
    }

    public NetDevice Device => _server.Devices.Single();

    public void Dispose()
    {
        _stop = true;
        _thread.Join();
        _server.Dispose();
    }

    private void Run()
    {
        using var burst = new Burst();
        while (!_stop)
        {
            int count = 0;
            foreach (var device in _server.Devices)
            {
                for (int pair = 0; pair < device.MaxQueuePairs; pair++)
                {
                    int got = device.Receive(pair, burst);
                    if (got == 0) continue;
                    count += got;
                    SendAll(device, pair, burst);
                    device.Return(pair, burst);
                }
            }
            if (count == 0) Thread.Yield();
        }
    }

    private unsafe void SendAll(NetDevice device, int pair, Burst burst)
    {
        for (int left = burst.Count; left > 0 && !_stop;)
        {
            int sent = device.Send(pair, burst);
            if (sent == 0) Thread.Yield();
            left -= sent;
            for (int i = 0; i < burst.Count; i++)
            {
                if (burst.Frames[i].Delivered) burst.Frames[i].Output = Frame.Dropped;
            }
        }
    }
}
