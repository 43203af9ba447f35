using VhostSwitch.Virtio;

namespace VhostSwitch.Vhost.Tests.Inflight;

/// <summary>A back-end dies: what it stored up to here stays, nothing follows.</summary>
internal sealed class DeathException : Exception
{
}

/// <summary>How many stores a back-end has left to live; 0 for ever.</summary>
internal sealed class Life(int stores)
{
    private int _left = stores;

    public void Stored()
    {
        if (_left > 0 && --_left == 0) throw new DeathException();
    }
}

/// <summary>Lets a back-end die after one of the stores that count.</summary>
internal readonly unsafe struct DeathLog(Life life) : IWriteLog
{
    public void Written(byte* at, ulong length)
    {
    }

    public void Stored() => life.Stored();

    public void Flush()
    {
    }
}
