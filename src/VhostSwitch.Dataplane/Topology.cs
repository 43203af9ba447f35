namespace VhostSwitch.Dataplane;

/// <summary>The attached ports, as an unchanging table that is replaced whole.</summary>
public sealed class Topology
{
    /// <summary>The most ports at once: each may have a socket and eventfds of its own, and the ids must fit the table of addresses.</summary>
    public const int MaxPorts = 1024;

    /// <summary>No ports.</summary>
    public static readonly Topology Empty = new([]);

    private readonly Port?[] _byId;
    private readonly Port[] _attached;

    private Topology(Port?[] byId)
    {
        _byId = byId;
        _attached = [.. byId.Where(p => p is not null).Select(p => p!)];
    }

    /// <summary>The attached ports by ascending id.</summary>
    public ReadOnlySpan<Port> Attached => _attached;

    /// <summary>The port with an id; null where there is none.</summary>
    /// <param name="id">The id.</param>
    public Port? Find(ushort id) => id < _byId.Length ? _byId[id] : null;

    /// <summary>The same table with one more port, which gets the lowest free id.</summary>
    internal Topology With(Port port)
    {
        int id = Array.IndexOf(_byId, null);
        if (id < 0) id = _byId.Length;
        if (id >= MaxPorts) throw new InvalidOperationException($"{port.Name} cannot be attached: {MaxPorts} ports are the most");
        var byId = new Port?[Math.Max(_byId.Length, id + 1)];
        _byId.CopyTo(byId, 0);
        byId[id] = port;
        port.Id = (ushort)id;
        return new Topology(byId);
    }

    /// <summary>The same table without a port.</summary>
    internal Topology Without(Port port)
    {
        var byId = (Port?[])_byId.Clone();
        byId[port.Id] = null;
        return new Topology(byId);
    }
}
