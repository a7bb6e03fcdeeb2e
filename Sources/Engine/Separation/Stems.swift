import Audio
import SeparationChoices

/// What an output file is made of.
package struct StemRecipe: Sendable, Equatable {
    /// How it is made from the separated sources.
    package enum Ingredients: Sendable, Equatable {
        /// The sum of these sources (indices into the bag's).
        case sources([Int])
        /// The track minus these sources.
        case trackMinus([Int])
    }

    /// The stem's name, such as `vocals`, `no_vocals`, `minus_vocals`.
    package var name: String
    /// What it is made of.
    package var ingredients: Ingredients
    /// Whether it is one of those that make up the track; a mix, or a stem file's master, stands beside them.
    package var isPart = true

    /// The track itself, as the models hear it.
    static let original = StemRecipe(name: "original", ingredients: .trackMinus([]), isPart: false)
    /// What the one file of all stems is called.
    static let stemFileName = "stems"

    /// The files that the options ask for, named as by the reference command.
    package static func recipes(bag: Bag, options: SeparationOptions) -> [StemRecipe] {
        let master = StemRecipe(name: "master", ingredients: .trackMinus([]), isPart: false)
        return (options.format.name == .stemFile ? [master] : []) + stems(bag: bag, options: options)
            + options.mixes.map { mix in
                let indices = mix.stems.compactMap(bag.sources.firstIndex)
                return StemRecipe(
                    name: mix.name, ingredients: mix.isRemainder ? .trackMinus(indices) : .sources(indices),
                    isPart: false)
            }
    }

    private static func stems(bag: Bag, options: SeparationOptions) -> [StemRecipe] {
        let sources = bag.sources
        guard let stem = options.twoStems, let index = sources.firstIndex(of: stem) else {
            return sources.enumerated().filter { options.stems?.contains($0.element) ?? true }
                .map { StemRecipe(name: $1, ingredients: .sources([$0])) }
        }
        let alone = StemRecipe(name: stem, ingredients: .sources([index]))
        switch options.otherMethod {
        case .none:
            return [alone]
        case .minus:
            return [StemRecipe(name: "minus_\(stem)", ingredients: .trackMinus([index])), alone]
        case .add, .automatic:
            let others = sources.indices.filter { $0 != index }
            let sum = StemRecipe(name: "no_\(stem)", ingredients: .sources(others))
            let isSpared = bag.members(for: [alone]) != bag.members(for: [alone, sum])
            return options.otherMethod == .automatic && isSpared
                ? [alone, StemRecipe(name: sum.name, ingredients: .trackMinus([index]))] : [alone, sum]
        }
    }

    /// The names of the files that the options ask for.
    package static func names(bag: Bag, options: SeparationOptions) -> [String] {
        options.format.name == .stemFile ? [stemFileName] : recipes(bag: bag, options: options).map(\.name)
    }

    /// The sources it needs.
    package var needed: [Int] {
        switch ingredients {
        case .sources(let indices), .trackMinus(let indices): indices
        }
    }
}

extension Bag {
    /// The members that the recipes need: a weight of 0 for all their sources makes a model unnecessary.
    package func members(for recipes: [StemRecipe]) -> Set<Int> {
        let needed = Set(recipes.flatMap(\.needed))
        return Set(members.indices.filter { index in needed.contains { members[index].weights[$0] != 0 } })
    }
}
